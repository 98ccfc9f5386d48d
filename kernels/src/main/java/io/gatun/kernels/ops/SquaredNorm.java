package io.gatun.kernels.ops;

import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/** The sum of squares of all elements. C: gatun_squared_norm. */
public final class SquaredNorm {
  private static final int PARTS = 512; // enough blocks for every GPU

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
      case CudaDevice cuda -> onCuda(cuda, x);
      case CpuDevice cpu -> cpu.callForDouble(CpuKernel.SQUARED_NORM, c -> c.matrix(x).result());
    };
  }

  private static double onCuda(CudaDevice cuda, Matrix x) {
    int parts = Math.min(CudaGrid.pieces(x), PARTS);
    if (parts == 0) {
      return 0;
    }
    long bits =
        cuda.launch(CudaKernel.SQUARED_NORM)
            .matrix("x", x)
            .integer("parts", parts)
            .scratch("sums", (long) parts * Double.BYTES)
            .tickets("done", 1)
            .ask(parts);
    return Double.longBitsToDouble(bits);
  }
}
