package io.gatun.runtime.train;

import io.gatun.runtime.model.ClassifierRow;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.Problem;
import io.gatun.runtime.model.Target;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import tools.jackson.databind.node.ObjectNode;

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
  private final boolean part;

  private ClassificationData(
      Labels labels, List<LabelledRow> rows, ClassificationStatistics statistics, boolean part) {
    this.labels = labels;
    this.rows = List.copyOf(rows);
    this.statistics = statistics;
    this.part = part;
  }

  /**
   * Reads rows to train on. Their labels are those found in them: integers by size, names in the
   * order of their code points.
   *
   * @param file JSONL
   * @param known labels that the model tells apart already; they are taken, in their order, where
   *     the rows have no others
   * @param encoder the tokenizer
   * @param maxLength texts are cut so that a row has at most so many tokens
   * @return the rows; {@link ClassificationStatistics#warnings} says what was cut
   * @throws DatasetException naming file and line of what is wrong, or where all labels are equal
   */
  public static ClassificationData training(
      Path file, Optional<Labels> known, TextEncoder encoder, int maxLength) {
    List<LabelledText> texts = LabelledText.read(file);
    var found = LabelReader.find(file, texts);
    var labels = known.filter(own -> covers(own, found)).orElse(found);
    return encode(file, labels, texts, encoder, maxLength);
  }

  private static boolean covers(Labels own, Labels found) {
    return own.problem() == found.problem() && own.names().containsAll(found.names());
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

  /**
   * Rows that are tokens already.
   *
   * @param name what messages call them
   * @param labels what they can be
   * @param rows at least one, each with a target that fits the labels
   * @return the rows
   * @throws DatasetException where there is no row, or one has no target that fits
   */
  public static ClassificationData of(String name, Labels labels, List<ClassifierRow> rows) {
    if (rows.isEmpty()) {
      throw new DatasetException(name + " holds no row; training needs at least one.");
    }
    List<LabelledRow> placed = new ArrayList<>();
    for (ClassifierRow row : rows) {
      placed.add(new LabelledRow(row, placed.size() + 1));
      if (!fits(row.target(), labels)) {
        throw new DatasetException(
            "%s, row %d: its target is none for the labels %s (%s)."
                .formatted(name, placed.size(), labels.names(), labels.problem().configName()));
      }
    }
    int longest = placed.stream().mapToInt(LabelledRow::tokens).max().orElseThrow();
    return new ClassificationData(
        labels, placed, ClassificationStatistics.of(name, labels, placed, longest, 0), false);
  }

  private static boolean fits(Target target, Labels labels) {
    boolean single = labels.problem() == Problem.SINGLE_LABEL;
    return switch (target) {
      case Target.Label(int index) -> single && index >= 0 && index < labels.size();
      case Target.Values(float[] values) -> !single && values.length == labels.size();
      case Target.Unknown() -> false;
    };
  }

  private static ClassificationData encode(
      Path file, Labels labels, List<LabelledText> texts, TextEncoder encoder, int maxLength) {
    var reader = new LabelReader(labels);
    List<Target> targets = texts.stream().map(reader::read).toList();
    var encoded = texts.parallelStream().map(text -> tokens(text, encoder, maxLength)).toList();
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
    return new ClassificationData(labels, rows, statistics, false);
  }

  private static TextEncoder.Encoded tokens(LabelledText text, TextEncoder encoder, int maxLength) {
    try {
      return encoder.encode(text.first(), text.second(), maxLength);
    } catch (IllegalArgumentException e) {
      throw new DatasetException(
          "%s: %s; raise the maximum length.".formatted(text.place().file(), e.getMessage()));
    }
  }

  /**
   * Holds rows out: those at the end of a shuffled order that depends on the seed and the number of
   * rows alone. Both parts keep the order of the file.
   *
   * @param share of the rows to hold out, above 0 and below 1; at least one row is, and one stays
   * @param seed of the order
   * @return the rows that stay, and those held out, all with the same labels
   * @throws DatasetException where there is only one row
   */
  public Split split(double share, long seed) {
    var held = HeldOutRows.choose(statistics.name(), rows.size(), share, seed);
    var places = IntStream.range(0, rows.size()).boxed();
    var parts =
        places.collect(
            Collectors.partitioningBy(
                held::get, Collectors.mapping(rows::get, Collectors.toList())));
    return new Split(
        part(statistics.name() + ", not held out", parts.getOrDefault(false, List.of())),
        part(statistics.name() + ", held out", parts.getOrDefault(true, List.of())));
  }

  private ClassificationData part(String name, List<LabelledRow> some) {
    var counted = ClassificationStatistics.of(name, labels, some, statistics.maxLength(), 0);
    return new ClassificationData(labels, some, counted, true);
  }

  /**
   * The two parts of the rows.
   *
   * @param rows those that stay
   * @param heldOut those held out
   */
  public record Split(ClassificationData rows, ClassificationData heldOut) {}

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

  /** Notes the counts of held-out rows, and their lines where they are a part of a file. */
  void describeHeldOut(ObjectNode node) {
    statistics.describe(node);
    if (part) {
      var lines = node.putArray("lines");
      rows.forEach(row -> lines.add(row.line()));
    }
  }
}
