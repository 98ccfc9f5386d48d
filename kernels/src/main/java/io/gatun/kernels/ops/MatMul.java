package io.gatun.kernels.ops;

import io.gatun.kernels.Activation;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cpu.CpuWeights;
import io.gatun.kernels.cuda.CudaDevice;
import java.util.Optional;

/**
 * Products with a frozen weight. The type of x (forward) or dy (backward) is the compute type: the
 * weight is rounded to it, sums are F32, the result is rounded once. The order of a sum depends on
 * its length only, except that at most {@link #FEW_ROWS} rows of x take a path that reads the
 * weight once and sums in another order; on a GPU it depends on all sizes, which choose cuBLASLt's
 * algorithm, and there few rows of BF16 are multiplied with a 4-bit weight before it is scaled,
 * unless it is {@linkplain io.gatun.kernels.Nf4Matrix#exact exact}. A 4-bit weight is decoded on
 * the way. C: gatun_mat_mul_forward, gatun_mat_mul_backward.
 */
public final class MatMul {
  /**
   * Up to this many rows of x, the product is bound by reading the weight and takes the
   * matrix-vector path.
   */
  public static final int FEW_ROWS = 8;

  private static final String OP = "mat_mul";

  private MatMul() {}

  /**
   * y = x wᵀ.
   *
   * @param x (tokens, in), F32 or BF16
   * @param w (out, in)
   * @param y (tokens, out), F32 or BF16
   */
  public static void forward(Matrix x, Weight w, Matrix y) {
    forward(x, w, Optional.empty(), y, 0);
  }

  /**
   * y = x wᵀ + bias.
   *
   * @param x (tokens, in), F32 or BF16
   * @param w (out, in)
   * @param bias (1, out), F32
   * @param y (tokens, out), F32 or BF16
   */
  public static void forward(Matrix x, Weight w, Matrix bias, Matrix y) {
    forward(x, w, Optional.of(bias), y, 0);
  }

  /**
   * y += x wᵀ, rounded once.
   *
   * @param x (tokens, in), F32 or BF16
   * @param w (out, in)
   * @param ySum (tokens, out), F32 or BF16
   */
  public static void forwardSum(Matrix x, Weight w, Matrix ySum) {
    forward(x, w, Optional.empty(), ySum, 1);
  }

  /**
   * y = residual + x wᵀ + bias. The product is rounded before it is added, but for few rows and a
   * 4-bit weight on a GPU.
   *
   * @param x (tokens, in), F32 or BF16
   * @param w (out, in)
   * @param bias (1, out), F32
   * @param residual shape and type of y; must not share memory with it
   * @param y (tokens, out), F32 or BF16
   */
  public static void forwardPlus(
      Matrix x, Weight w, Optional<Matrix> bias, Matrix residual, Matrix y) {
    Device device = check(x, w, bias, y);
    Check.same(OP, "residual", residual, y);
    switch (device) {
      case CudaDevice cuda -> CudaMatMul.forwardPlus(cuda, x, w, bias, residual, y);
      case CpuDevice _ -> {
        forward(x, w, bias, y, 0);
        Add.run(residual, y);
      }
    }
  }

  /**
   * h = f(gate) * up, where [gate | up] = x wᵀ + bias: for whom gate and up are not needed
   * afterwards. Few rows and a 4-bit weight of these two bands are one launch on a GPU, where they
   * are not rounded in between.
   *
   * @param x (tokens, in), F32 or BF16
   * @param w (2 F, in): gate above up
   * @param bias (1, 2 F), F32
   * @param f the activation
   * @param gateUp (tokens, 2 F), scratch of the type of h
   * @param h (tokens, F), F32 or BF16
   */
  public static void forwardGlu(
      Matrix x, Weight w, Optional<Matrix> bias, Activation f, Matrix gateUp, Matrix h) {
    Device device = check(x, w, bias, gateUp);
    Glu.check(gateUp, h, "h");
    switch (device) {
      case CudaDevice cuda -> CudaMatMul.forwardGlu(cuda, x, w, bias, f, gateUp, h);
      case CpuDevice _ -> {
        forward(x, w, bias, gateUp, 0);
        Glu.forward(f, gateUp, h);
      }
    }
  }

  /**
   * dx = dy w.
   *
   * @param dy (tokens, out), F32 or BF16
   * @param w (out, in)
   * @param dx (tokens, in), F32 or BF16; must not share memory with dy
   */
  public static void backward(Matrix dy, Weight w, Matrix dx) {
    backward(dy, w, dx, 0);
  }

  /**
   * dx += dy w, rounded once.
   *
   * @param dy (tokens, out), F32 or BF16
   * @param w (out, in)
   * @param dxSum (tokens, in), F32 or BF16; must not share memory with dy
   */
  public static void backwardSum(Matrix dy, Weight w, Matrix dxSum) {
    backward(dy, w, dxSum, 1);
  }

  private static Device check(Matrix x, Weight w, Optional<Matrix> bias, Matrix y) {
    Device device = Check.compute(OP, "x", x);
    Check.weight(OP, w, w.rows(), x.cols(), x);
    Check.activation(OP, "y", y, x.rows(), w.rows(), x);
    bias.ifPresent(b -> Check.matrix(OP, "bias", b, DType.F32, 1, w.rows(), x));
    return device;
  }

  private static void forward(Matrix x, Weight w, Optional<Matrix> bias, Matrix y, int add) {
    Device device = check(x, w, bias, y);
    switch (device) {
      case CudaDevice cuda -> CudaMatMul.forward(cuda, x, w, bias, y, add == 1);
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.MAT_MUL_FORWARD,
              c -> {
                c.matrix(x).struct(CpuWeights.weight(c, w));
                bias.ifPresentOrElse(c::matrix, c::absent);
                c.matrix(y).integer(add);
              });
    }
  }

  private static void backward(Matrix dy, Weight w, Matrix dx, int add) {
    Device device = Check.compute(OP, "dy", dy);
    Check.weight(OP, w, dy.cols(), w.cols(), dy);
    Check.activation(OP, "dx", dx, dy.rows(), w.cols(), dy);
    switch (device) {
      case CudaDevice cuda -> CudaMatMul.backward(cuda, dy, w, dx, add == 1);
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.MAT_MUL_BACKWARD,
              c -> c.matrix(dy).struct(CpuWeights.weight(c, w)).matrix(dx).integer(add));
    }
  }
}
