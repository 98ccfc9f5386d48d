package io.gatun.runtime.train;

import java.util.Arrays;
import java.util.List;

/**
 * How well labels were found where several apply together, as scikit-learn's {@code f1_score} with
 * {@code zero_division=0}.
 *
 * @param byLabel how often each label was right and wrong, at least one
 */
public record MultiLabelScore(List<LabelCount> byLabel) {
  /** Copies the counts. */
  public MultiLabelScore {
    byLabel = List.copyOf(byLabel);
  }

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
    return new MultiLabelScore(List.of(counts));
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

  /**
   * F1 of all labels counted together.
   *
   * @return from 0 to 1
   */
  public double microF1() {
    return byLabel.stream().reduce(LabelCount.ZERO, LabelCount::plus).f1();
  }

  /**
   * Mean of the F1 of each label; that of a label that no row has or was given is 0.
   *
   * @return from 0 to 1
   */
  public double macroF1() {
    return byLabel.stream().mapToDouble(LabelCount::f1).average().orElseThrow();
  }
}
