package io.gatun.runtime.train;

/**
 * How often a label was right and wrong. Where a share is one of nothing it is 0, as scikit-learn's
 * {@code zero_division=0} has it.
 *
 * @param right rows that have it and were given it (true positives)
 * @param wrong rows that do not have it and were given it (false positives)
 * @param missed rows that have it and were not given it (false negatives)
 */
public record LabelCount(long right, long wrong, long missed) {
  /** No row. */
  static final LabelCount ZERO = new LabelCount(0, 0, 0);

  LabelCount plus(LabelCount other) {
    return new LabelCount(right + other.right, wrong + other.wrong, missed + other.missed);
  }

  /**
   * Whether any row has it or was given it.
   *
   * @return true if one does
   */
  public boolean occurs() {
    return right + wrong + missed > 0;
  }

  /**
   * Rows that have it.
   *
   * @return how many
   */
  public long support() {
    return right + missed;
  }

  /**
   * Share of the rows that were given it that have it.
   *
   * @return from 0 to 1
   */
  public double precision() {
    return share(right, right + wrong);
  }

  /**
   * Share of the rows that have it that were given it.
   *
   * @return from 0 to 1
   */
  public double recall() {
    return share(right, support());
  }

  /**
   * F1 = 2 right / (2 right + wrong + missed), the harmonic mean of precision and recall.
   *
   * @return from 0 to 1
   */
  public double f1() {
    return share(2 * right, 2 * right + wrong + missed);
  }

  private static double share(long part, long whole) {
    return whole == 0 ? 0 : part / (double) whole;
  }
}
