package io.gatun.runtime.train;

import java.util.Arrays;

/**
 * Which rows each optimizer step of a run takes. Epochs do not mix: the last step of one may be
 * smaller.
 */
final class StepRows {
  private final int rows;
  private final TrainingPlan.Batches batches;
  private int epoch = -1;
  private int[] order = {};

  /**
   * The steps over some rows.
   *
   * @param rows their number, at least 1
   * @param batches how they are put together
   */
  StepRows(int rows, TrainingPlan.Batches batches) {
    this.rows = rows;
    this.batches = batches;
  }

  /** Optimizer steps of an epoch. */
  int perEpoch() {
    return Math.ceilDiv(rows, batches.rows());
  }

  /** Indices of the rows of a step, which counts from 1. */
  int[] of(int step) {
    orderOf((step - 1) / perEpoch());
    int first = (step - 1) % perEpoch() * batches.rows();
    return Arrays.copyOfRange(order, first, Math.min(first + batches.rows(), rows));
  }

  private void orderOf(int wanted) {
    if (epoch != wanted) {
      epoch = wanted;
      order =
          batches.shuffled()
              ? EpochOrder.shuffled(batches.seed(), epoch, rows)
              : EpochOrder.sequential(rows);
    }
  }

  /** Passes over the rows done with a step; none with step 0. */
  double epochs(int step) {
    if (step == 0) {
      return 0;
    }
    int whole = (step - 1) / perEpoch();
    int done = ((step - 1) % perEpoch() + 1) * batches.rows();
    return whole + Math.min(1, done / (double) rows);
  }

  /** Whether an epoch ends with a step. */
  boolean endsEpoch(int step) {
    return step % perEpoch() == 0;
  }
}
