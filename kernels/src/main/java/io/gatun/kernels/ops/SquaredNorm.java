package io.gatun.kernels.ops;

import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;

/** The sum of squares of all elements. C: gatun_squared_norm. */
public final class SquaredNorm {
  private SquaredNorm() {}

  /**
   * Sums squares in 64 bits, block by block in a fixed order.
   *
   * @param x (rows, cols), F32 or BF16
   * @return the sum; the same bits whatever the number of threads
   */
  public static double run(Matrix x) {
    Device device = Check.compute("squared_norm", "x", x);
    return switch (device) {
      case CudaDevice cuda -> throw cuda.lacks("squared_norm");
      case CpuDevice cpu -> cpu.callForDouble(CpuKernel.SQUARED_NORM, c -> c.matrix(x).result());
    };
  }
}
