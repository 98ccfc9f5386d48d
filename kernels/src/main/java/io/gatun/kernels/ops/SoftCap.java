package io.gatun.kernels.ops;

import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/** Bounds logits smoothly. C: gatun_soft_cap. */
public final class SoftCap {
  private SoftCap() {}

  /**
   * x = cap * tanh(x / cap), in F32, rounded once.
   *
   * @param x (rows, cols), F32 or BF16, in place
   * @param cap above 0
   */
  public static void run(Matrix x, float cap) {
    Device device = Check.compute("soft_cap", "x", x);
    if (!(cap > 0)) {
      throw Check.wrong("soft_cap", "the cap is %s, must be above 0 (x is %s)", cap, x.shape());
    }
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.SOFT_CAP)
              .matrix("x", x)
              .number("cap", cap)
              .enqueue(CudaGrid.pieces(x));
      case CpuDevice cpu -> cpu.call(CpuKernel.SOFT_CAP, c -> c.matrix(x).number(cap));
    }
  }
}
