package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.AdamW;
import io.gatun.kernels.ops.SquaredNorm;
import io.gatun.runtime.model.Loss;
import java.lang.foreign.Arena;

/** The end of a training step: clipping to norm 1, and AdamW. */
public final class OptimizerStep {
  private final AdamW.Hyper hyper = new AdamW.Hyper(1e-4, 0.9, 0.999, 1e-8, 0);
  private final Matrix parameters;
  private final Matrix firstMoment;
  private final Matrix secondMoment;

  /**
   * An optimizer that has done no step.
   *
   * @param parameters (1, n) F32
   * @param arena owns both moments
   */
  public OptimizerStep(Matrix parameters, Arena arena) {
    this.parameters = parameters;
    this.firstMoment = moment("optimizer.first-moment", arena);
    this.secondMoment = moment("optimizer.second-moment", arena);
  }

  private Matrix moment(String name, Arena arena) {
    var device = parameters.buffer().device();
    return Matrix.allocate(device, name, DType.F32, 1, parameters.cols(), arena);
  }

  /**
   * One step.
   *
   * @param gradient like the parameters, summed over the weight of the loss
   * @param loss sum and weight
   * @param step number of the step, from 1
   * @return the mean loss
   */
  public double apply(Matrix gradient, Loss loss, int step) {
    double norm = Math.sqrt(SquaredNorm.run(gradient)) / loss.weight();
    float scale = (float) (Math.min(1, 1 / norm) / loss.weight());
    AdamW.step(parameters, gradient, firstMoment, secondMoment, hyper, step, scale);
    return loss.mean();
  }
}
