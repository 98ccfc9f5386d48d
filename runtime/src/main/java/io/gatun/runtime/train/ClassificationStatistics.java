package io.gatun.runtime.train;

import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.Problem;
import io.gatun.runtime.model.Target;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import tools.jackson.databind.node.ObjectNode;

/**
 * What classification data holds.
 *
 * @param name file of the rows
 * @param rows their number
 * @param tokens their tokens
 * @param longest tokens of the longest row
 * @param maxLength rows are cut to this many tokens
 * @param cut rows that were longer
 * @param labels what their labels are, in words
 * @param missing names of labels that none of them has
 */
public record ClassificationStatistics(
    String name,
    int rows,
    long tokens,
    int longest,
    int maxLength,
    int cut,
    String labels,
    List<String> missing) {
  private static final int SHOWN = 20; // labels in a line

  /** Copies the names. */
  public ClassificationStatistics {
    missing = List.copyOf(missing);
  }

  static ClassificationStatistics of(
      String name, Labels labels, List<LabelledRow> rows, int maxLength, int cut) {
    boolean named = labels.problem() != Problem.REGRESSION;
    int[] counts = named ? counts(labels, rows) : new int[0];
    return new ClassificationStatistics(
        name,
        rows.size(),
        rows.stream().mapToLong(TokenRow::tokens).sum(),
        rows.stream().mapToInt(TokenRow::tokens).max().orElse(0),
        maxLength,
        cut,
        named ? words(labels, counts) : range(rows),
        IntStream.range(0, counts.length)
            .filter(i -> counts[i] == 0)
            .mapToObj(labels.names()::get)
            .toList());
  }

  private static String range(List<LabelledRow> rows) {
    var values = new DoubleSummaryStatistics();
    for (LabelledRow row : rows) {
      if (row.row().target() instanceof Target.Values(float[] number)) {
        values.accept(number[0]);
      }
    }
    return "values from %s to %s".formatted((float) values.getMin(), (float) values.getMax());
  }

  private static int[] counts(Labels labels, List<LabelledRow> rows) {
    int[] counts = new int[labels.size()];
    for (LabelledRow row : rows) {
      switch (row.row().target()) {
        case Target.Label(int index) -> counts[index]++;
        case Target.Values(float[] values) -> {
          for (int i = 0; i < values.length; i++) {
            counts[i] += values[i] > 0 ? 1 : 0;
          }
        }
        case Target.Unknown() -> {} // counts for no label
      }
    }
    return counts;
  }

  private static String words(Labels labels, int[] counts) {
    String first =
        IntStream.range(0, Math.min(SHOWN, counts.length))
            .mapToObj(i -> labels.names().get(i) + " " + counts[i])
            .collect(Collectors.joining(", "));
    return counts.length > SHOWN
        ? "%d labels: %s and %d more".formatted(counts.length, first, counts.length - SHOWN)
        : "%d labels: %s".formatted(counts.length, first);
  }

  /** Notes the counts in a line of metrics.jsonl. */
  void describe(ObjectNode node) {
    node.put("name", name)
        .put("labels", labels)
        .put("rows", rows)
        .put("tokens", tokens)
        .put("longest", longest)
        .put("cut", cut);
  }

  /**
   * The counts in a line.
   *
   * @return for a log
   */
  public String summary() {
    return String.format(
        Locale.ROOT,
        "%s: %,d rows (%s), %,d tokens, longest row %,d",
        name,
        rows,
        labels,
        tokens,
        longest);
  }

  /**
   * What somebody should know before training on these rows.
   *
   * @return sentences, often none
   */
  public List<String> warnings() {
    List<String> warnings = new ArrayList<>();
    if (cut > 0) {
      warnings.add(
          "%s: %d of the rows are longer than %d tokens and were cut; raise the maximum length if the model reads more."
              .formatted(name, cut, maxLength));
    }
    if (!missing.isEmpty()) {
      warnings.add(
          "%s: no row has the label %s."
              .formatted(name, missing.stream().limit(SHOWN).collect(Collectors.joining(" or "))));
    }
    return warnings;
  }
}
