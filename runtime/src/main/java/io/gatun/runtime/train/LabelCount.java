package io.gatun.runtime.train;

/**
 * How often a label was right and wrong.
 *
 * @param right rows that have it and were given it (true positives)
 * @param wrong rows that do not have it and were given it (false positives)
 * @param missed rows that have it and were not given it (false negatives)
 */
record LabelCount(long right, long wrong, long missed) {
  /** No row. */
  static final LabelCount ZERO = new LabelCount(0, 0, 0);

  LabelCount plus(LabelCount other) {
    return new LabelCount(right + other.right, wrong + other.wrong, missed + other.missed);
  }

  /** Whether any row has it or was given it. */
  boolean occurs() {
    return right + wrong + missed > 0;
  }

  /**
   * F1 = 2 right / (2 right + wrong + missed), the harmonic mean of precision and recall; 0 where
   * the label does not occur.
   */
  double f1() {
    return occurs() ? 2.0 * right / (2 * right + wrong + missed) : 0;
  }
}
