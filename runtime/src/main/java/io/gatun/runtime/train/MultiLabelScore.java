package io.gatun.runtime.train;

import java.util.Arrays;
import java.util.List;

/**
 * How well labels were found where several apply together, as scikit-learn's {@code f1_score} with
 * {@code zero_division=0}.
 *
 * @param microF1 F1 of all labels counted together
 * @param macroF1 mean of the F1 of each label; a label that no row has or was given counts as 0
 */
public record MultiLabelScore(double microF1, double macroF1) {
  /**
   * Scores rows.
   *
   * @param actual for each row and label, whether the row has it
   * @param predicted for each row and label, whether the row was given it
   * @return the scores
   */
  public static MultiLabelScore of(List<boolean[]> actual, List<boolean[]> predicted) {
    if (actual.size() != predicted.size() || actual.isEmpty()) {
      throw new IllegalArgumentException(
          "%d rows and %d predictions; there must be as many, and at least one row"
              .formatted(actual.size(), predicted.size()));
    }
    LabelCount[] counts = new LabelCount[actual.getFirst().length];
    Arrays.fill(counts, LabelCount.ZERO);
    for (int row = 0; row < actual.size(); row++) {
      add(counts, actual.get(row), predicted.get(row));
    }
    var all = Arrays.stream(counts).reduce(LabelCount.ZERO, LabelCount::plus);
    double macro = Arrays.stream(counts).mapToDouble(LabelCount::f1).average().orElseThrow();
    return new MultiLabelScore(all.f1(), macro);
  }

  private static void add(LabelCount[] counts, boolean[] actual, boolean[] predicted) {
    for (int label = 0; label < counts.length; label++) {
      boolean has = actual[label];
      boolean given = predicted[label];
      counts[label] =
          counts[label].plus(
              new LabelCount(has && given ? 1 : 0, given && !has ? 1 : 0, has && !given ? 1 : 0));
    }
  }
}
