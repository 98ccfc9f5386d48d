package io.gatun.runtime.train;

import io.gatun.kernels.Matrix;
import io.gatun.runtime.model.Loss;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.node.ObjectNode;

/** What a run trains, with the rows it learns from and those it is measured on. */
sealed interface Task permits LanguageTask, ClassificationTask {
  /** The rows that are trained on, at least one. */
  List<? extends TokenRow> rows();

  /** What the optimizer changes: (1, n) F32. */
  Matrix parameters();

  /** By which figure evaluations are compared where the plan names none. */
  Metric metric();

  /** The figures that an evaluation yields; none where no rows are held out. */
  Set<Metric> metrics();

  /** Memory for the largest micro-batch, its gradients all zero. */
  Pass allocate(Arena arena);

  /** Writes what was trained into a folder. */
  void save(Path folder);

  /** Notes model, adapter and data in the header of metrics.jsonl. */
  void describe(ObjectNode header);

  /** Forward, backward and evaluation, in memory that is used again and again. */
  interface Pass {
    /** Gradients since they were last set to zero: (1, n) F32, laid out like the parameters. */
    Matrix gradients();

    /** Sets all gradients to zero. */
    void zeroGradients();

    /**
     * Cuts an optimizer step.
     *
     * @param rows indices of its rows
     */
    List<MicroBatch> microBatches(int[] rows);

    /** Measures the parameters as they are on the held-out rows. */
    Scores evaluate();
  }

  /**
   * A part of an optimizer step, which is computed at once.
   *
   * @param tokens that go through the model
   * @param computation of its loss
   */
  record MicroBatch(int tokens, Computation computation) {
    /** Forward and backward of some rows. */
    interface Computation {
      /**
       * The loss; adds its gradient to those of the pass.
       *
       * @param seed of dropout
       * @param step number of the optimizer step
       */
      Loss run(long seed, int step);
    }
  }
}
