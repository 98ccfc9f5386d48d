package io.gatun.runtime.train;

import io.gatun.runtime.text.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/** Rows as tokens, with marks on those that are learned. Immutable. */
public final class Dataset {
  private final List<Example> rows;
  private final DatasetStatistics statistics;

  Dataset(List<Example> rows, DatasetStatistics statistics) {
    this.rows = List.copyOf(rows);
    this.statistics = statistics;
  }

  /**
   * How a file becomes rows.
   *
   * @param maxLength rows are cut to this many tokens; their beginnings stay
   * @param maskPrompt whether only completions and the assistant's turns are learned; otherwise all
   *     tokens are
   */
  public record Options(int maxLength, boolean maskPrompt) {
    /** Checks the length. */
    public Options {
      if (maxLength < 2) {
        throw new IllegalArgumentException(
            "Rows need room for at least 2 tokens, not " + maxLength + ".");
      }
    }

    /**
     * At most 2048 tokens, prompts not learned.
     *
     * @return the options
     */
    public static Options defaults() {
      return new Options(2048, true);
    }
  }

  /**
   * Reads and tokenizes a JSONL file; see {@link Row#forEach} for the shapes of rows.
   *
   * @param file the file
   * @param tokenizer of the model
   * @param options length and what is learned
   * @return the rows; {@link DatasetStatistics#warnings} says what was cut or dropped
   * @throws DatasetException naming file, line and key of what is wrong
   */
  public static Dataset jsonl(Path file, Tokenizer tokenizer, Options options) {
    var encoder = new RowEncoder(file.toString(), tokenizer, options.maskPrompt());
    var collector = new RowCollector(encoder, options.maxLength());
    Row.forEach(file, collector::add);
    return collector.dataset(file.toString());
  }

  /**
   * Reads and tokenizes a JSONL file with prompts not learned.
   *
   * @param file the file
   * @param tokenizer of the model
   * @param maxLength rows are cut to this many tokens
   * @return the rows
   * @throws DatasetException naming file, line and key of what is wrong
   */
  public static Dataset jsonl(Path file, Tokenizer tokenizer, int maxLength) {
    return jsonl(file, tokenizer, new Options(maxLength, true));
  }

  /**
   * Rows that are tokens already.
   *
   * @param name what messages call them
   * @param rows at least one, each with a learned token after its first
   * @return the rows
   * @throws DatasetException where a row has nothing to learn, or there is none
   */
  public static Dataset of(String name, List<Example> rows) {
    if (rows.isEmpty()) {
      throw new DatasetException(name + " holds no row; training needs at least one.");
    }
    for (Example row : rows) {
      if (row.supervised() == 0) {
        throw new DatasetException(
            "%s, row %d: no token after the first is marked as learned; mark one or leave the row out."
                .formatted(name, row.line()));
      }
    }
    return new Dataset(rows, DatasetStatistics.of(name, "tokens", rows));
  }

  /**
   * Holds rows out: those at the end of a shuffled order that depends on the seed and the number of
   * rows alone. Both parts keep the order of the file.
   *
   * @param share of the rows to hold out, above 0 and below 1; at least one row is, and one stays
   * @param seed of the order
   * @return the rows that stay, and those held out
   * @throws DatasetException where there is only one row
   */
  public Split split(double share, long seed) {
    var held = HeldOutRows.choose(statistics.name(), size(), share, seed);
    var stays = IntStream.range(0, size()).filter(i -> !held.get(i)).mapToObj(rows::get).toList();
    var out = held.stream().mapToObj(rows::get).toList();
    var shape = statistics.shape();
    return new Split(
        new Dataset(
            stays,
            DatasetStatistics.of(statistics.name(), shape, stays)
                .afterCut(
                    statistics.maxLength(),
                    statistics.cut(),
                    statistics.dropped(),
                    statistics.merged())),
        new Dataset(out, DatasetStatistics.of(statistics.name() + ", held out", shape, out)));
  }

  /**
   * The two parts of a dataset.
   *
   * @param rows those that stay
   * @param heldOut those held out
   */
  public record Split(Dataset rows, Dataset heldOut) {}

  /**
   * Number of rows.
   *
   * @return at least 1
   */
  public int size() {
    return rows.size();
  }

  /**
   * One row.
   *
   * @param index from 0
   * @return its tokens
   */
  public Example row(int index) {
    return rows.get(index);
  }

  /**
   * All rows.
   *
   * @return in the order of the file
   */
  public List<Example> rows() {
    return rows;
  }

  /**
   * Counts, for messages and metrics.
   *
   * @return the counts
   */
  public DatasetStatistics statistics() {
    return statistics;
  }
}
