package io.gatun.runtime.train;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** How often each label was taken for each other, where a row has one label. Immutable. */
public final class ConfusionMatrix {
  private static final String CORNER = "actual \\ predicted";

  private final List<String> names;
  private final long[][] counts; // (actual, predicted)

  private ConfusionMatrix(List<String> names, long[][] counts) {
    this.names = names;
    this.counts = counts;
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
    long[][] counts = new long[names.size()][names.size()];
    for (int row = 0; row < actual.length; row++) {
      counts[actual[row]][predicted[row]]++;
    }
    return new ConfusionMatrix(List.copyOf(names), counts);
  }

  /**
   * Share of rows that were given their label.
   *
   * @return from 0 to 1
   */
  public double accuracy() {
    long right = IntStream.range(0, counts.length).mapToLong(i -> counts[i][i]).sum();
    return right / (double) rows();
  }

  /**
   * Mean of the F1 of the labels, as scikit-learn's {@code f1_score(average="macro",
   * zero_division=0)}: over all labels that some row has or was given.
   *
   * @return from 0 to 1
   */
  public double macroF1() {
    return IntStream.range(0, counts.length)
        .mapToObj(this::count)
        .filter(LabelCount::occurs)
        .mapToDouble(LabelCount::f1)
        .average()
        .orElseThrow();
  }

  private LabelCount count(int label) {
    long right = counts[label][label];
    long given = IntStream.range(0, counts.length).mapToLong(i -> counts[i][label]).sum();
    return new LabelCount(right, given - right, LongStream.of(counts[label]).sum() - right);
  }

  private long rows() {
    return IntStream.range(0, counts.length).mapToLong(i -> LongStream.of(counts[i]).sum()).sum();
  }

  /**
   * The counts as a table: a line for each label that rows have, a column for each that they were
   * given.
   *
   * @return lines of equal length
   */
  public List<String> table() {
    int first = Math.max(CORNER.length(), longestName());
    int[] widths =
        IntStream.range(0, counts.length).map(i -> Math.max(width(shown(i)), digits(i))).toArray();
    var header = new StringBuilder(padded(CORNER, first, false));
    IntStream.range(0, counts.length)
        .forEach(i -> header.append("  ").append(padded(shown(i), widths[i], true)));
    return IntStream.range(-1, counts.length)
        .mapToObj(i -> i < 0 ? header.toString() : line(i, first, widths))
        .toList();
  }

  private String line(int label, int first, int[] widths) {
    var line = new StringBuilder(padded(shown(label), first, false));
    for (int i = 0; i < widths.length; i++) {
      line.append("  ").append(padded(String.valueOf(counts[label][i]), widths[i], true));
    }
    return line.toString();
  }

  private int longestName() {
    return IntStream.range(0, counts.length).map(i -> width(shown(i))).max().orElse(0);
  }

  private int digits(int column) {
    return IntStream.range(0, counts.length)
        .map(i -> String.valueOf(counts[i][column]).length())
        .max()
        .orElse(0);
  }

  /** The name, on one line. */
  private String shown(int label) {
    return names.get(label).replaceAll("\\p{Cntrl}", " ");
  }

  private static String padded(String text, int width, boolean right) {
    String blanks = " ".repeat(width - width(text));
    return right ? blanks + text : text + blanks;
  }

  private static int width(String text) {
    return text.codePointCount(0, text.length());
  }
}
