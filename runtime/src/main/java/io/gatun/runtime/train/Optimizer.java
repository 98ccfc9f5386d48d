package io.gatun.runtime.train;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.AdamW;
import io.gatun.kernels.ops.SquaredNorm;
import java.lang.foreign.Arena;

/** AdamW over one flat row of parameters, after clipping the whole gradient to a norm. */
public final class Optimizer {
  private final Settings settings;
  private final Matrix parameters;
  private final Matrix gradients;
  private final Matrix firstMoment;
  private final Matrix secondMoment;
  private int steps;

  /**
   * The numbers that do not change during a run.
   *
   * @param beta1 decay of the first moment
   * @param beta2 decay of the second moment
   * @param epsilon added to the root of the second moment after its bias correction
   * @param weightDecay decoupled, times the learning rate
   * @param maxGradNorm a gradient with a larger norm is scaled down to it; 0 for no clipping
   */
  public record Settings(
      double beta1, double beta2, double epsilon, double weightDecay, double maxGradNorm) {
    /** Checks the ranges. */
    public Settings {
      if (!(weightDecay >= 0) || !(maxGradNorm >= 0) || !(epsilon > 0)) {
        throw new IllegalArgumentException(
            "Weight decay %s and gradient norm %s must not be negative, epsilon %s must be positive."
                .formatted(weightDecay, maxGradNorm, epsilon));
      }
    }
  }

  /**
   * An optimizer that has done no step.
   *
   * @param settings its numbers
   * @param parameters (1, n) F32, updated by each step
   * @param gradients (1, n) F32, read by each step
   * @param arena owns both moments
   */
  Optimizer(Settings settings, Matrix parameters, Matrix gradients, Arena arena) {
    this.settings = settings;
    this.parameters = parameters;
    this.gradients = gradients;
    this.firstMoment = moment("optimizer.first-moment", arena);
    this.secondMoment = moment("optimizer.second-moment", arena);
  }

  private Matrix moment(String name, Arena arena) {
    var device = parameters.buffer().device();
    return Matrix.allocate(device, name, DType.F32, 1, parameters.cols(), arena);
  }

  /**
   * Euclidean norm of the whole gradient.
   *
   * @param weight what the accumulated gradient must be divided by: the learned tokens of the step
   * @return the norm of the mean gradient, before clipping
   */
  double gradientNorm(double weight) {
    return Math.sqrt(SquaredNorm.run(gradients)) / weight;
  }

  /**
   * One step: g ← g / weight · min(1, max / (norm + 1e-6)), then AdamW.
   *
   * @param learningRate of this step
   * @param norm of the mean gradient
   * @param weight what the accumulated gradient must be divided by
   */
  void step(double learningRate, double norm, double weight) {
    double max = settings.maxGradNorm();
    double clip = max == 0 ? 1 : Math.min(1, max / (norm + 1e-6));
    var hyper =
        new AdamW.Hyper(
            learningRate,
            settings.beta1(),
            settings.beta2(),
            settings.epsilon(),
            settings.weightDecay());
    float scale = (float) (clip / weight);
    AdamW.step(parameters, gradients, firstMoment, secondMoment, hyper, ++steps, scale);
  }
}
