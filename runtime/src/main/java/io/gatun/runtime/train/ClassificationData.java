package io.gatun.runtime.train;

import io.gatun.runtime.model.ClassifierRow;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.Target;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows of text, or of pairs of texts, with their labels, as a classifier reads them. A row has
 * {@code text} or {@code sentence}, or {@code text1} and {@code text2}, or {@code sentence1} and
 * {@code sentence2}; and {@code label}: a name or an integer (one of several labels), a list of
 * those (labels that apply together), or a number with a fraction (regression; integers may stand
 * among those). Immutable.
 */
public final class ClassificationData {
  private final Labels labels;
  private final List<LabelledRow> rows;
  private final ClassificationStatistics statistics;

  private ClassificationData(
      Labels labels, List<LabelledRow> rows, ClassificationStatistics statistics) {
    this.labels = labels;
    this.rows = List.copyOf(rows);
    this.statistics = statistics;
  }

  /**
   * Reads rows to train on. Their labels are those found in them: integers by size, names in the
   * order of their code points.
   *
   * @param file JSONL
   * @param encoder the tokenizer
   * @param maxLength texts are cut so that a row has at most so many tokens
   * @return the rows; {@link ClassificationStatistics#warnings} says what was cut
   * @throws DatasetException naming file and line of what is wrong, or where all labels are equal
   */
  public static ClassificationData training(Path file, TextEncoder encoder, int maxLength) {
    List<LabelledText> texts = LabelledText.read(file);
    return encode(file, LabelReader.find(file, texts), texts, encoder, maxLength);
  }

  /**
   * Reads rows to measure on.
   *
   * @param file JSONL
   * @param labels those of the rows that were trained on
   * @param encoder the tokenizer
   * @param maxLength texts are cut so that a row has at most so many tokens
   * @return the rows
   * @throws DatasetException naming file and line of what is wrong, such as a label that the rows
   *     that were trained on do not have
   */
  public static ClassificationData heldOut(
      Path file, Labels labels, TextEncoder encoder, int maxLength) {
    return encode(file, labels, LabelledText.read(file), encoder, maxLength);
  }

  private static ClassificationData encode(
      Path file, Labels labels, List<LabelledText> texts, TextEncoder encoder, int maxLength) {
    var reader = new LabelReader(labels);
    List<Target> targets = texts.stream().map(reader::read).toList();
    var encoded =
        texts.parallelStream()
            .map(text -> encoder.encode(text.first(), text.second(), maxLength))
            .toList();
    List<LabelledRow> rows = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      var place = texts.get(i).place();
      var tokens = encoded.get(i);
      if (tokens.ids().length == 0) {
        throw place.error("the tokenizer leaves nothing of the text; remove the row.");
      }
      var row = new ClassifierRow(tokens.ids(), tokens.typeIds(), targets.get(i));
      rows.add(new LabelledRow(row, place.line()));
    }
    int cut = (int) encoded.stream().filter(TextEncoder.Encoded::cut).count();
    var statistics = ClassificationStatistics.of(file.toString(), labels, rows, maxLength, cut);
    return new ClassificationData(labels, rows, statistics);
  }

  /**
   * What labels can be.
   *
   * @return the names, and what kind of problem they are
   */
  public Labels labels() {
    return labels;
  }

  /**
   * All rows.
   *
   * @return at least one, in the order of the file
   */
  public List<LabelledRow> rows() {
    return rows;
  }

  /**
   * Counts, for messages and metrics.
   *
   * @return the counts
   */
  public ClassificationStatistics statistics() {
    return statistics;
  }
}
