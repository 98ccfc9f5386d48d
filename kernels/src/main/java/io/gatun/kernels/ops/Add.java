package io.gatun.kernels.ops;

import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/** y += x. C: gatun_add. */
public final class Add {
  private Add() {}

  /**
   * Adds x to y, in F32, rounded once.
   *
   * @param x (rows, cols), F32 or BF16
   * @param ySum (rows, cols), F32 or BF16
   * @throws IllegalArgumentException when shapes differ
   */
  public static void run(Matrix x, Matrix ySum) {
    Device device = Check.compute("add", "x", x);
    Check.compute("add", "ySum", ySum);
    Check.matrix("add", "ySum", ySum, ySum.dtype(), x.rows(), x.cols(), x);
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.ADD)
              .matrix("x", x)
              .matrix("ySum", ySum)
              .enqueue(CudaGrid.pieces(x));
      case CpuDevice cpu -> cpu.call(CpuKernel.ADD, c -> c.matrix(x).matrix(ySum));
    }
  }
}
