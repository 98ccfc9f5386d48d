package io.gatun.runtime.train;

import java.util.Optional;

/**
 * When a run is measured on held-out rows, by which figure, and what follows from it. A run without
 * held-out rows is never measured.
 *
 * @param every steps between two evaluations, 0 for one after each epoch; there is also one before
 *     the first step and one after the last
 * @param metric which figure says that one adapter is better than another; empty for what suits the
 *     task: the accuracy where a row has one label of several, else the loss
 * @param patience the run ends after so many evaluations in a row without an improvement; 0 for
 *     never
 * @param threshold an improvement counts against the patience only if it is larger than this
 * @param keep which adapter is the result of the run
 */
public record Evaluation(
    int every, Optional<Metric> metric, int patience, double threshold, Keep keep) {
  /** Which adapter is the result of a run. */
  public enum Keep {
    /** That of the best evaluation after the first step. */
    BEST,
    /** That of the last step. */
    LAST
  }

  /** Checks the ranges. */
  public Evaluation {
    if (every < 0) {
      throw new IllegalArgumentException(
          "Evaluations come every 1 or more steps, or each epoch with 0, not " + every + ".");
    }
    if (patience < 0) {
      throw new IllegalArgumentException(
          "Patience is 1 or more evaluations, or 0 for no early stopping, not " + patience + ".");
    }
    if (!(threshold >= 0 && threshold < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "The threshold of early stopping is a number from 0, not " + threshold + ".");
    }
  }

  /**
   * After each epoch, by what suits the task, without early stopping, keeping the best.
   *
   * @return the settings
   */
  public static Evaluation defaults() {
    return new Evaluation(0, Optional.empty(), 0, 0, Keep.BEST);
  }
}
