package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;
import io.gatun.kernels.cuda.CudaProduct;

/**
 * The gradients of a dense layer {@code y = x wᵀ + b} all of whose numbers are trained. That of x
 * is {@link MatMul#backward}. C: gatun_linear_gradient.
 */
public final class LinearGradient {
  private static final String OP = "linear_gradient";

  private static final int BLOCK_COLUMNS = 64; // of a CUDA block

  private LinearGradient() {}

  /**
   * dw += dyᵀ x; db += the sum of dy over its rows. Sums over rows are carried in F32 in blocks and
   * in a fixed order, so they do not depend on threads.
   *
   * @param dy (rows, out), F32 or BF16
   * @param x (rows, in), type of dy
   * @param dwSum (out, in), F32
   * @param dbSum (1, out), F32
   * @throws IllegalArgumentException when shapes, types or devices differ
   */
  public static void run(Matrix dy, Matrix x, Matrix dwSum, Matrix dbSum) {
    Device device = Check.compute(OP, "dy", dy);
    Check.matrix(OP, "x", x, dy.dtype(), dy.rows(), x.cols(), dy);
    Check.matrix(OP, "dwSum", dwSum, DType.F32, dy.cols(), x.cols(), dy);
    Check.matrix(OP, "dbSum", dbSum, DType.F32, 1, dy.cols(), dy);
    switch (device) {
      case CudaDevice cuda -> {
        cuda.products().multiply(CudaProduct.ofTransposed(OP, dy, x, dwSum));
        cuda.launch(CudaKernel.LINEAR_GRADIENT_BIAS)
            .matrix("dy", dy)
            .matrix("dbSum", dbSum)
            .enqueue(CudaGrid.blocks(dy.cols(), BLOCK_COLUMNS));
      }
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.LINEAR_GRADIENT, c -> c.matrix(dy).matrix(x).matrix(dwSum).matrix(dbSum));
    }
  }
}
