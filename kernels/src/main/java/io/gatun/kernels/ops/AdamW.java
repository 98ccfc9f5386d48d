package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;
import io.gatun.kernels.cuda.CudaLaunch;

/**
 * The optimizer AdamW (decoupled weight decay, as in PyTorch) on flat parameters. C: gatun_adam_w.
 */
public final class AdamW {
  private AdamW() {}

  /**
   * The numbers of the update. They are doubles because 1 - beta2 would lose half its digits in
   * F32.
   *
   * @param lr learning rate of this step
   * @param beta1 decay of the first moment, 0 to below 1
   * @param beta2 decay of the second moment, 0 to below 1
   * @param eps added to the root after bias correction
   * @param weightDecay decoupled decay
   */
  public record Hyper(double lr, double beta1, double beta2, double eps, double weightDecay) {
    /** Refuses decays outside [0, 1). */
    public Hyper {
      if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
        throw new IllegalArgumentException(
            "AdamW betas are %s and %s, must be 0 to below 1".formatted(beta1, beta2));
      }
    }
  }

  /**
   * g = grads * gradScale; p = p (1 - lr wd); m = beta1 m + (1 - beta1) g; v = beta2 v + (1 -
   * beta2) g^2; p = p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps).
   *
   * @param params (1, n), F32, updated
   * @param grads (1, n), F32
   * @param m (1, n), F32, updated
   * @param v (1, n), F32, updated
   * @param hyper the numbers
   * @param t number of this step, from 1
   * @param gradScale factor on the gradients, for clipping
   */
  public static void step(
      Matrix params, Matrix grads, Matrix m, Matrix v, Hyper hyper, int t, float gradScale) {
    Check.matrix("adam_w", "params", params, DType.F32, params.rows(), params.cols(), params);
    Check.same("adam_w", "grads", grads, params);
    Check.same("adam_w", "m", m, params);
    Check.same("adam_w", "v", v, params);
    if (t < 1) {
      throw Check.wrong(
          "adam_w", "the step is %s, steps count from 1 (params %s)", t, params.shape());
    }
    Device device = params.buffer().device();
    switch (device) {
      case CudaDevice cuda ->
          factors(
                  cuda.launch(CudaKernel.ADAM_W)
                      .matrix("params", params)
                      .matrix("grads", grads)
                      .matrix("m", m)
                      .matrix("v", v)
                      .number("gradScale", gradScale),
                  hyper,
                  t)
              .enqueue(CudaGrid.pieces(params));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.ADAM_W,
              c ->
                  c.matrix(params)
                      .matrix(grads)
                      .matrix(m)
                      .matrix(v)
                      .number(hyper.lr())
                      .number(hyper.beta1())
                      .number(hyper.beta2())
                      .number(hyper.eps())
                      .number(hyper.weightDecay())
                      .integer(t)
                      .number(gradScale));
    }
  }

  /** What does not depend on the element, computed in 64 bits and rounded once. */
  private static CudaLaunch factors(CudaLaunch launch, Hyper h, int t) {
    return launch
        .number("keep", (float) (1 - h.lr() * h.weightDecay()))
        .number("beta1", (float) h.beta1())
        .number("oneMinusBeta1", (float) (1 - h.beta1()))
        .number("beta2", (float) h.beta2())
        .number("oneMinusBeta2", (float) (1 - h.beta2()))
        .number("step", (float) (h.lr() / (1 - Math.pow(h.beta1(), t))))
        .number("root", (float) (1 / Math.sqrt(1 - Math.pow(h.beta2(), t))))
        .number("eps", (float) h.eps());
  }
}
