package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.AdamW;
import io.gatun.kernels.ops.SquaredNorm;
import io.gatun.runtime.model.Loss;
import java.lang.foreign.Arena;

/** The end of a training step: clipping to norm 1, and AdamW. */
final class OptimizerStep {
  private final AdamW.Hyper hyper = new AdamW.Hyper(1e-4, 0.9, 0.999, 1e-8, 0);
  private final Matrix parameters;
  private final Matrix firstMoment;
  private final Matrix secondMoment;

  /** For parameters (1, n) F32. */
  OptimizerStep(Matrix parameters, Arena arena) {
    this.parameters = parameters;
    this.firstMoment = moment("m", arena);
    this.secondMoment = moment("v", arena);
  }

  private Matrix moment(String name, Arena arena) {
    var device = parameters.buffer().device();
    return Matrix.allocate(device, name, DType.F32, 1, parameters.cols(), arena);
  }

  /** Applies a gradient that was summed over the weight of a loss; gives the mean loss. */
  double apply(Matrix gradient, Loss loss, int step) {
    double norm = Math.sqrt(SquaredNorm.run(gradient)) / loss.weight();
    float scale = (float) (Math.min(1, 1 / norm) / loss.weight());
    AdamW.step(parameters, gradient, firstMoment, secondMoment, hyper, step, scale);
    return loss.mean();
  }
}
