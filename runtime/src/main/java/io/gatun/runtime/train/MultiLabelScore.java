package io.gatun.runtime.train;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

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
   * @param labels how many there are, at least 1
   * @param actual labels of each row
   * @param predicted labels that each row was given
   * @return the scores
   */
  public static MultiLabelScore of(
      int labels, List<Label.Several> actual, List<Label.Several> predicted) {
    if (actual.size() != predicted.size() || actual.isEmpty()) {
      throw new IllegalArgumentException(
          "%d rows and %d predictions; there must be as many, and at least one row"
              .formatted(actual.size(), predicted.size()));
    }
    LabelCount[] counts = new LabelCount[labels];
    Arrays.fill(counts, LabelCount.ZERO);
    for (int row = 0; row < actual.size(); row++) {
      add(counts, Set.copyOf(actual.get(row).indices()), Set.copyOf(predicted.get(row).indices()));
    }
    var all = Arrays.stream(counts).reduce(LabelCount.ZERO, LabelCount::plus);
    double macro = Arrays.stream(counts).mapToDouble(LabelCount::f1).average().orElseThrow();
    return new MultiLabelScore(all.f1(), macro);
  }

  private static void add(LabelCount[] counts, Set<Integer> actual, Set<Integer> predicted) {
    var either = new TreeSet<>(actual);
    either.addAll(predicted);
    for (int label : either) {
      boolean has = actual.contains(label);
      boolean given = predicted.contains(label);
      counts[label] =
          counts[label].plus(
              new LabelCount(has && given ? 1 : 0, given && !has ? 1 : 0, has && !given ? 1 : 0));
    }
  }
}
