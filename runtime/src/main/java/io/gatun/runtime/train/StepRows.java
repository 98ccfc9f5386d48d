package io.gatun.runtime.train;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Which rows each optimizer step of a run takes. Epochs do not mix: the last step of one may be
 * smaller.
 */
final class StepRows {
  private final Dataset dataset;
  private final TrainingPlan.Batches batches;
  private int epoch = -1;
  private int[] order = {};

  StepRows(Dataset dataset, TrainingPlan.Batches batches) {
    this.dataset = dataset;
    this.batches = batches;
  }

  /** Optimizer steps of an epoch. */
  int perEpoch() {
    return Math.ceilDiv(dataset.size(), batches.rows());
  }

  /** The rows of a step, which counts from 1. */
  List<Example> of(int step) {
    orderOf((step - 1) / perEpoch());
    int first = (step - 1) % perEpoch() * batches.rows();
    int end = Math.min(first + batches.rows(), dataset.size());
    return IntStream.range(first, end).mapToObj(i -> dataset.row(order[i])).toList();
  }

  private void orderOf(int wanted) {
    if (epoch != wanted) {
      epoch = wanted;
      order =
          batches.shuffled()
              ? EpochOrder.shuffled(batches.seed(), epoch, dataset.size())
              : EpochOrder.sequential(dataset.size());
    }
  }

  /** Passes over the rows done with a step. */
  double epochs(int step) {
    int whole = (step - 1) / perEpoch();
    int rows = ((step - 1) % perEpoch() + 1) * batches.rows();
    return whole + Math.min(1, rows / (double) dataset.size());
  }

  /** Whether an epoch ends with a step. */
  boolean endsEpoch(int step) {
    return step % perEpoch() == 0;
  }
}
