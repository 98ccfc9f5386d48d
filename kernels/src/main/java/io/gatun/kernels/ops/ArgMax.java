package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaKernel;

/** The most likely token: where the largest of a row's logits is. C: gatun_arg_max. */
public final class ArgMax {
  private ArgMax() {}

  /**
   * found[i] = the first column with the largest number of x[i]. NaN is less than any number; where
   * there is nothing else it is column 0.
   *
   * @param x (rows, cols) F32
   * @param count columns that are looked at, from the first on; at least 1
   * @param found one integer a row, written
   */
  public static void run(Matrix x, int count, Ints found) {
    Device device = Check.compute("arg_max", "x", x);
    Check.matrix("arg_max", "x", x, DType.F32, x.rows(), x.cols(), x);
    Check.ints("arg_max", "found", found, x.rows(), x);
    if (count < 1 || count > x.cols()) {
      throw Check.wrong("arg_max", "%s columns of %s", count, x.shape());
    }
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.ARG_MAX)
              .matrix("x", x)
              .integer("count", count)
              .pointer("found", found.buffer(), found.offset())
              .enqueue(x.rows());
      case CpuDevice cpu ->
          cpu.call(CpuKernel.ARG_MAX, c -> c.matrix(x).integer(count).ints(found));
    }
  }
}
