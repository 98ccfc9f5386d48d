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
 * Root-mean-square norm within groups of n columns: a whole row when gamma is as wide as x, one
 * attention head when gamma is as wide as a head. C: gatun_rms_norm_forward,
 * gatun_rms_norm_backward.
 */
public final class RmsNorm {
  private RmsNorm() {}

  /**
   * rstd = 1 / sqrt(mean(x^2) + eps); y = x * rstd * (gamma + gammaOffset), in F32. Without an
   * offset x * rstd is rounded to the type of x before gamma, as where such models were trained.
   *
   * @param x (rows, groups * n), F32 or BF16
   * @param gamma (1, n), F32
   * @param gammaOffset added to gamma: 0, or 1 for Gemma
   * @param eps keeps the root away from zero
   * @param y (rows, groups * n), type of x
   * @param rstd (rows, groups), F32, kept for backward
   */
  public static void forward(
      Matrix x, Matrix gamma, float gammaOffset, float eps, Matrix y, Matrix rstd) {
    Device device = check(x, gamma, rstd);
    Check.same("rms_norm", "y", y, x);
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.RMS_NORM_FORWARD)
              .matrix("x", x)
              .matrix("gamma", gamma)
              .number("gammaOffset", gammaOffset)
              .number("eps", eps)
              .matrix("y", y)
              .matrix("rstd", rstd)
              .enqueue(blocks(x, gamma));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.RMS_NORM_FORWARD,
              c ->
                  c.matrix(x).matrix(gamma).number(gammaOffset).number(eps).matrix(y).matrix(rstd));
    }
  }

  /**
   * dx = rstd * (g - h * mean(g * h)) with g = dy * (gamma + gammaOffset) and h = x * rstd.
   *
   * @param dy (rows, groups * n), type of x
   * @param x as in forward
   * @param gamma as in forward
   * @param gammaOffset as in forward
   * @param rstd from forward
   * @param dx (rows, groups * n), type of x; may be dy
   */
  public static void backward(
      Matrix dy, Matrix x, Matrix gamma, float gammaOffset, Matrix rstd, Matrix dx) {
    backward(dy, x, gamma, gammaOffset, rstd, dx, 0);
  }

  /**
   * dx += what {@link #backward} writes, rounded once.
   *
   * @param dy (rows, groups * n), type of x
   * @param x as in forward
   * @param gamma as in forward
   * @param gammaOffset as in forward
   * @param rstd from forward
   * @param dxSum (rows, groups * n), type of x
   */
  public static void backwardSum(
      Matrix dy, Matrix x, Matrix gamma, float gammaOffset, Matrix rstd, Matrix dxSum) {
    backward(dy, x, gamma, gammaOffset, rstd, dxSum, 1);
  }

  private static void backward(
      Matrix dy, Matrix x, Matrix gamma, float gammaOffset, Matrix rstd, Matrix dx, int add) {
    Device device = check(x, gamma, rstd);
    Check.same("rms_norm", "dy", dy, x);
    Check.same("rms_norm", "dx", dx, x);
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.RMS_NORM_BACKWARD)
              .matrix("dy", dy)
              .matrix("x", x)
              .matrix("gamma", gamma)
              .number("gammaOffset", gammaOffset)
              .matrix("rstd", rstd)
              .matrix("dx", dx)
              .integer("add", add)
              .enqueue(blocks(x, gamma));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.RMS_NORM_BACKWARD,
              c ->
                  c.matrix(dy)
                      .matrix(x)
                      .matrix(gamma)
                      .number(gammaOffset)
                      .matrix(rstd)
                      .matrix(dx)
                      .integer(add));
    }
  }

  private static int blocks(Matrix x, Matrix gamma) {
    int groups = x.cols() / gamma.cols();
    return CudaGrid.teams((long) x.rows() * groups, gamma.cols());
  }

  private static Device check(Matrix x, Matrix gamma, Matrix rstd) {
    Device device = Check.compute("rms_norm", "x", x);
    Check.matrix("rms_norm", "gamma", gamma, DType.F32, 1, gamma.cols(), x);
    if (gamma.cols() == 0 || x.cols() % gamma.cols() != 0) {
      throw Check.wrong(
          "rms_norm",
          "gamma is %s, x has %s columns; they must be a multiple of gamma's",
          gamma.shape(),
          x.cols());
    }
    Check.matrix("rms_norm", "rstd", rstd, DType.F32, x.rows(), x.cols() / gamma.cols(), x);
    return device;
  }
}
