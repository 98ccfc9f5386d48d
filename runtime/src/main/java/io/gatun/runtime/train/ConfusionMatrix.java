package io.gatun.runtime.train;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** How often each label was taken for each other, where a row has one label. Immutable. */
public final class ConfusionMatrix {
  private static final String CORNER = "actual \\ predicted";

  private final List<String> names;
  private final int[] actual; // of each row: the counts themselves would grow with labels squared
  private final int[] predicted;

  private ConfusionMatrix(List<String> names, int[] actual, int[] predicted) {
    this.names = names;
    this.actual = actual;
    this.predicted = predicted;
  }

  /**
   * Counts rows.
   *
   * @param names of the labels
   * @param actual label of each row
   * @param predicted label that each row was given
   * @return the counts
   */
  public static ConfusionMatrix of(List<String> names, int[] actual, int[] predicted) {
    if (actual.length != predicted.length || actual.length == 0) {
      throw new IllegalArgumentException(
          "%d labels and %d predictions; there must be one of each for a row, and at least one row"
              .formatted(actual.length, predicted.length));
    }
    return new ConfusionMatrix(List.copyOf(names), actual.clone(), predicted.clone());
  }

  /**
   * The labels.
   *
   * @return their names, by index
   */
  public List<String> names() {
    return names;
  }

  /**
   * Rows with a label that were given a label.
   *
   * @param actual index of the one
   * @param predicted index of the other
   * @return how many
   */
  public long count(int actual, int predicted) {
    return IntStream.range(0, this.actual.length)
        .filter(row -> this.actual[row] == actual && this.predicted[row] == predicted)
        .count();
  }

  /**
   * Share of rows that were given their label.
   *
   * @return from 0 to 1
   */
  public double accuracy() {
    long right = IntStream.range(0, actual.length).filter(i -> actual[i] == predicted[i]).count();
    return right / (double) actual.length;
  }

  /**
   * Mean of the F1 of the labels, as scikit-learn's {@code f1_score(average="macro",
   * zero_division=0)}: over all labels that some row has or was given.
   *
   * @return from 0 to 1
   */
  public double macroF1() {
    return byLabel().stream()
        .filter(LabelCount::occurs)
        .mapToDouble(LabelCount::f1)
        .average()
        .orElseThrow();
  }

  /**
   * How often each label was right and wrong.
   *
   * @return a count for each label, by index
   */
  public List<LabelCount> byLabel() {
    LabelCount[] counts = new LabelCount[names.size()];
    Arrays.fill(counts, LabelCount.ZERO);
    for (int row = 0; row < actual.length; row++) {
      if (actual[row] == predicted[row]) {
        counts[actual[row]] = counts[actual[row]].plus(new LabelCount(1, 0, 0));
      } else {
        counts[predicted[row]] = counts[predicted[row]].plus(new LabelCount(0, 1, 0));
        counts[actual[row]] = counts[actual[row]].plus(new LabelCount(0, 0, 1));
      }
    }
    return List.of(counts);
  }

  /**
   * A label that was taken for another.
   *
   * @param actual name of the label that rows have
   * @param predicted name of the label that they were given
   * @param rows how many
   */
  public record Confusion(String actual, String predicted, long rows) {}

  /**
   * The labels that were taken for others.
   *
   * @return most rows first, equal numbers in the order of the labels
   */
  public List<Confusion> confusions() {
    var counts = new TreeMap<Long, Long>(); // by actual * labels + predicted
    for (int row = 0; row < actual.length; row++) {
      if (actual[row] != predicted[row]) {
        counts.merge((long) actual[row] * names.size() + predicted[row], 1L, Long::sum);
      }
    }
    return counts.entrySet().stream()
        .map(entry ->
            new Confusion(
                names.get((int) (entry.getKey() / names.size())),
                names.get((int) (entry.getKey() % names.size())),
                entry.getValue()))
        .sorted(Comparator.comparing((Confusion confusion) -> -confusion.rows()))
        .toList();
  }

  /**
   * The counts as a table: a line for each label that rows have, a column for each that they were
   * given.
   *
   * @return lines of equal length
   */
  public List<String> table() {
    long[][] counts = counts();
    var shown = names.stream().map(name -> name.replaceAll("\\p{Cntrl}", " ")).toList();
    var lines = column(CORNER, shown, false).stream().map(StringBuilder::new).toList();
    for (int label = 0; label < shown.size(); label++) {
      int given = label;
      var cells = Arrays.stream(counts).map(row -> String.valueOf(row[given])).toList();
      var column = column(shown.get(label), cells, true);
      for (int i = 0; i < column.size(); i++) {
        lines.get(i).append("  ").append(column.get(i));
      }
    }
    return lines.stream().map(StringBuilder::toString).toList();
  }

  private long[][] counts() {
    long[][] counts = new long[names.size()][names.size()];
    for (int row = 0; row < actual.length; row++) {
      counts[actual[row]][predicted[row]]++;
    }
    return counts;
  }

  /** A head and the cells under it, all equally wide. */
  private static List<String> column(String head, List<String> cells, boolean right) {
    var all = Stream.concat(Stream.of(head), cells.stream()).toList();
    int width = all.stream().mapToInt(ConfusionMatrix::width).max().orElseThrow();
    return all.stream()
        .map(cell -> {
          String blanks = " ".repeat(width - width(cell));
          return right ? blanks + cell : cell + blanks;
        })
        .toList();
  }

  private static int width(String text) {
    return text.codePointCount(0, text.length());
  }
}
