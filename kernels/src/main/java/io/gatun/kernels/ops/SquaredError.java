package io.gatun.kernels.ops;

import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/**
 * Weighted mean squared error of rows and its gradient in one pass, for regression. C:
 * gatun_squared_error.
 */
public final class SquaredError {
  private static final String OP = "squared_error";

  private SquaredError() {}

  /**
   * With t = targets: rowLoss = weight * mean over the columns of (z - t)^2, and z becomes 2 weight
   * / columns * (z - t).
   *
   * @param z (rows, columns), F32 or BF16, at least one column; replaced by the gradient
   * @param targets (rows, columns), F32
   * @param weights (rows, 1), F32
   * @param rowLoss (rows, 1), F32
   * @throws IllegalArgumentException when shapes, types or devices differ, or there is no column
   */
  public static void run(Matrix z, Matrix targets, Matrix weights, Matrix rowLoss) {
    Device device = Check.rowLoss(OP, "z", z, targets, weights, rowLoss);
    switch (device) {
      case CudaDevice cuda -> {
        cuda.launch(CudaKernel.SQUARED_ERROR)
            .matrix("z", z)
            .matrix("targets", targets)
            .matrix("weights", weights)
            .matrix("rowLoss", rowLoss)
            .enqueue(CudaGrid.teams(z.rows(), z.cols()));
      }
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.SQUARED_ERROR,
              c -> c.matrix(z).matrix(targets).matrix(weights).matrix(rowLoss));
    }
  }
}
