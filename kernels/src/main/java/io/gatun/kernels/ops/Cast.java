package io.gatun.kernels.ops;

import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/** Changes the element type. C: gatun_cast. */
public final class Cast {
  private Cast() {}

  /**
   * to = from, rounded to nearest even, subnormal numbers and NaN kept, too large ones to infinity.
   * Equal types copy bits.
   *
   * @param from (rows, cols), any type
   * @param to (rows, cols), any type; may be from when the types are equal
   */
  public static void run(Matrix from, Matrix to) {
    Device device = from.buffer().device();
    Check.matrix("cast", "to", to, to.dtype(), from.rows(), from.cols(), from);
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.CAST)
              .matrix("from", from)
              .matrix("to", to)
              .enqueue(CudaGrid.pieces(from));
      case CpuDevice cpu -> cpu.call(CpuKernel.CAST, c -> c.matrix(from).matrix(to));
    }
  }
}
