package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/**
 * Layer norm of each row, with frozen scale and shift. C: gatun_layer_norm_forward,
 * gatun_layer_norm_backward.
 */
public final class LayerNorm {
  private static final String OP = "layer_norm";

  private LayerNorm() {}

  /**
   * rstd = 1 / sqrt(mean((x - mean)^2) + eps); y = (x - mean) * rstd * gamma + beta, in F32,
   * rounded once. The variance is that of the whole row (divided by n), from differences to the
   * mean, so it keeps its digits where the mean is large.
   *
   * @param x (tokens, n), F32 or BF16; n at least 1
   * @param gamma (1, n), F32
   * @param beta (1, n), F32
   * @param eps keeps the root away from zero, not negative
   * @param y (tokens, n), type of x; may be x where no backward follows, which needs x as it was
   * @param mean (tokens, 1), F32, kept for backward
   * @param rstd (tokens, 1), F32, kept for backward
   * @throws IllegalArgumentException when shapes, types or devices differ, or rows are empty
   */
  public static void forward(
      Matrix x, Matrix gamma, Matrix beta, float eps, Matrix y, Matrix mean, Matrix rstd) {
    Device device = check(x, gamma, mean, rstd);
    Check.matrix(OP, "beta", beta, DType.F32, 1, x.cols(), x);
    Check.same(OP, "y", y, x);
    if (!(eps >= 0)) {
      throw Check.wrong(OP, "eps is %s, must not be negative (x is %s)", eps, x.shape());
    }
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.LAYER_NORM_FORWARD)
              .matrix("x", x)
              .matrix("gamma", gamma)
              .matrix("beta", beta)
              .number("eps", eps)
              .matrix("y", y)
              .matrix("mean", mean)
              .matrix("rstd", rstd)
              .enqueue(CudaGrid.teams(x.rows(), x.cols()));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.LAYER_NORM_FORWARD,
              c ->
                  c.matrix(x)
                      .matrix(gamma)
                      .matrix(beta)
                      .number(eps)
                      .matrix(y)
                      .matrix(mean)
                      .matrix(rstd));
    }
  }

  /**
   * dx = rstd * (g - mean(g) - h * mean(g * h)) with g = dy * gamma and h = (x - mean) * rstd.
   *
   * @param dy (tokens, n), type of x
   * @param x as forward read it
   * @param gamma as in forward
   * @param mean from forward
   * @param rstd from forward
   * @param dx (tokens, n), type of x; may be dy
   * @throws IllegalArgumentException when shapes, types or devices differ, or rows are empty
   */
  public static void backward(
      Matrix dy, Matrix x, Matrix gamma, Matrix mean, Matrix rstd, Matrix dx) {
    backward(dy, x, gamma, mean, rstd, dx, 0);
  }

  /**
   * dx += what {@link #backward} writes, rounded once.
   *
   * @param dy (tokens, n), type of x
   * @param x as forward read it
   * @param gamma as in forward
   * @param mean from forward
   * @param rstd from forward
   * @param dxSum (tokens, n), type of x
   * @throws IllegalArgumentException when shapes, types or devices differ, or rows are empty
   */
  public static void backwardSum(
      Matrix dy, Matrix x, Matrix gamma, Matrix mean, Matrix rstd, Matrix dxSum) {
    backward(dy, x, gamma, mean, rstd, dxSum, 1);
  }

  private static void backward(
      Matrix dy, Matrix x, Matrix gamma, Matrix mean, Matrix rstd, Matrix dx, int add) {
    Device device = check(x, gamma, mean, rstd);
    Check.same(OP, "dy", dy, x);
    Check.same(OP, "dx", dx, x);
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.LAYER_NORM_BACKWARD)
              .matrix("dy", dy)
              .matrix("x", x)
              .matrix("gamma", gamma)
              .matrix("mean", mean)
              .matrix("rstd", rstd)
              .matrix("dx", dx)
              .integer("add", add)
              .enqueue(CudaGrid.teams(x.rows(), x.cols()));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.LAYER_NORM_BACKWARD,
              c ->
                  c.matrix(dy)
                      .matrix(x)
                      .matrix(gamma)
                      .matrix(mean)
                      .matrix(rstd)
                      .matrix(dx)
                      .integer(add));
    }
  }

  private static Device check(Matrix x, Matrix gamma, Matrix mean, Matrix rstd) {
    Device device = Check.compute(OP, "x", x);
    if (x.cols() == 0) {
      throw Check.wrong(OP, "x is %s, must have at least %s column", x.shape(), 1);
    }
    Check.matrix(OP, "gamma", gamma, DType.F32, 1, x.cols(), x);
    Check.matrix(OP, "mean", mean, DType.F32, x.rows(), 1, x);
    Check.matrix(OP, "rstd", rstd, DType.F32, x.rows(), 1, x);
    return device;
  }
}
