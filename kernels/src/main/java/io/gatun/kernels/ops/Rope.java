package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/** Rotary position embedding, rotate-half convention, in place. C: gatun_rope. */
public final class Rope {
  private Rope() {}

  /**
   * In each head, (x[j], x[j + h]) becomes (x[j] cos[j] - x[j + h] sin[j], x[j + h] cos[j] + x[j]
   * sin[j]) for j below h = cos.cols; columns from 2h on stay as they are.
   *
   * @param x (tokens, heads * headDim), F32 or BF16, in place
   * @param cos (tokens, h), F32, h at most headDim / 2
   * @param sin (tokens, h), F32
   * @param headDim columns of a head
   */
  public static void forward(Matrix x, Matrix cos, Matrix sin, int headDim) {
    run(x, cos, sin, headDim, 0);
  }

  /**
   * The inverse rotation, which is the gradient of {@link #forward}.
   *
   * @param dx (tokens, heads * headDim), F32 or BF16, in place
   * @param cos as in forward
   * @param sin as in forward
   * @param headDim as in forward
   */
  public static void backward(Matrix dx, Matrix cos, Matrix sin, int headDim) {
    run(dx, cos, sin, headDim, 1);
  }

  private static void run(Matrix x, Matrix cos, Matrix sin, int headDim, int inverse) {
    Device device = Check.compute("rope", "x", x);
    if (headDim <= 0 || x.cols() % headDim != 0) {
      throw Check.wrong(
          "rope",
          "x is %s, its columns must be a multiple of the head size %s",
          x.shape(),
          headDim);
    }
    if (2L * cos.cols() > headDim) {
      throw Check.wrong("rope", "cos is %s, wider than half a head of %s", cos.shape(), headDim);
    }
    Check.matrix("rope", "cos", cos, DType.F32, x.rows(), cos.cols(), x);
    Check.same("rope", "sin", sin, cos);
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.ROPE)
              .matrix("x", x)
              .matrix("cos", cos)
              .matrix("sin", sin)
              .integer("headDim", headDim)
              .integer("inverse", inverse)
              .enqueue(
                  CudaGrid.items(
                      x.rows(), (long) x.cols() / headDim * CudaGrid.pieces(cos.cols())));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.ROPE,
              c -> c.matrix(x).matrix(cos).matrix(sin).integer(headDim).integer(inverse));
    }
  }
}
