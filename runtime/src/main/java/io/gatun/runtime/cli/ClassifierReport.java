package io.gatun.runtime.cli;

import io.gatun.runtime.train.Baseline;
import io.gatun.runtime.train.ConfusionMatrix;
import io.gatun.runtime.train.LabelCount;
import io.gatun.runtime.train.Metric;
import io.gatun.runtime.train.Scores;
import java.io.PrintWriter;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The scores of a classifier as lines and tables. */
final class ClassifierReport {
  private static final int MATRIX_LABELS = 20;
  private static final int MATRIX_WIDTH = 120;
  private static final int CONFUSIONS = 15;

  private final PrintWriter out;
  private final List<String> names;

  /**
   * @param names of the labels
   */
  ClassifierReport(PrintWriter out, List<String> names) {
    this.out = out;
    this.names = names;
  }

  /**
   * Prints everything: a line for each figure, the loss last, and tables of the labels.
   *
   * @param rows what was measured, in words
   * @param before what to compare with
   * @param who what comes before the figures, in words
   */
  void figures(String rows, Optional<Baseline> before, String who, Scores scores) {
    scores.figures().entrySet().stream()
        .sorted(Comparator.comparing(figure -> figure.getKey() == Metric.LOSS))
        .forEach(figure -> {
          var metric = figure.getKey();
          String was = before.flatMap(b -> was(b, metric)).orElse("");
          out.printf(
              "%s: %s %s%s%s%n", rows, metric.title(), was, who, metric.number(figure.getValue()));
        });
    if (!scores.byLabel().isEmpty()) {
      byLabel(scores.byLabel());
    }
    scores.confusion().ifPresent(this::confusion);
  }

  private static Optional<String> was(Baseline before, Metric metric) {
    return Optional.ofNullable(before.figures().get(metric))
        .map(value -> before.name() + " " + metric.number(value) + " -> ");
  }

  private void byLabel(List<LabelCount> counts) {
    var table = new TextTable(1, "label", "precision", "recall", "F1", "rows");
    for (int i = 0; i < counts.size(); i++) {
      var count = counts.get(i);
      if (count.occurs()) {
        table.add(
            names.get(i),
            share(count.precision()),
            share(count.recall()),
            share(count.f1()),
            String.valueOf(count.support()));
      }
    }
    out.println();
    table.lines().forEach(out::println);
    long absent = counts.stream().filter(count -> !count.occurs()).count();
    if (absent > 0) {
      out.printf(Locale.ROOT, "and %,d labels that no row has or was given%n", absent);
    }
  }

  private static String share(double share) {
    return String.format(Locale.ROOT, "%.4f", share);
  }

  /** The matrix where it is readable, else the labels that were confused most. */
  private void confusion(ConfusionMatrix matrix) {
    var lines = names.size() <= MATRIX_LABELS ? matrix.table() : List.<String>of();
    out.println();
    if (!lines.isEmpty() && lines.getFirst().length() <= MATRIX_WIDTH) {
      lines.forEach(out::println);
      return;
    }
    var confusions = matrix.confusions();
    out.printf(
        Locale.ROOT,
        "%,d labels are too many for a matrix; the %,d pairs confused most, of %,d:%n",
        names.size(),
        Math.min(CONFUSIONS, confusions.size()),
        confusions.size());
    var table = new TextTable(2, "actual", "predicted", "rows");
    confusions.stream()
        .limit(CONFUSIONS)
        .forEach(c -> table.add(c.actual(), c.predicted(), String.valueOf(c.rows())));
    table.lines().forEach(out::println);
  }
}
