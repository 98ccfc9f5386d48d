package io.gatun.kernels.ops;

import io.gatun.kernels.Activation;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/**
 * An activation of every element, in F32, rounded once. C: gatun_activate_forward,
 * gatun_activate_backward.
 */
public final class Activate {
  private static final String OP = "activate";

  private Activate() {}

  /**
   * y = f(x).
   *
   * @param f the function
   * @param x (rows, cols), F32 or BF16
   * @param y (rows, cols), type of x; may be x where no backward follows, which needs x as it was
   * @throws IllegalArgumentException when shapes, types or devices differ
   */
  public static void forward(Activation f, Matrix x, Matrix y) {
    Device device = Check.compute(OP, "x", x);
    Check.same(OP, "y", y, x);
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.ACTIVATE_FORWARD)
              .integer("activation", f.ordinal())
              .matrix("x", x)
              .matrix("y", y)
              .enqueue(CudaGrid.pieces(x));
      case CpuDevice cpu ->
          cpu.call(CpuKernel.ACTIVATE_FORWARD, c -> c.integer(f.ordinal()).matrix(x).matrix(y));
    }
  }

  /**
   * dx = dy * f'(x).
   *
   * @param f the function
   * @param x as forward read it
   * @param dy (rows, cols), type of x
   * @param dx (rows, cols), type of x; may be dy, or x
   * @throws IllegalArgumentException when shapes, types or devices differ
   */
  public static void backward(Activation f, Matrix x, Matrix dy, Matrix dx) {
    Device device = Check.compute(OP, "x", x);
    Check.same(OP, "dy", dy, x);
    Check.same(OP, "dx", dx, x);
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.ACTIVATE_BACKWARD)
              .integer("activation", f.ordinal())
              .matrix("x", x)
              .matrix("dy", dy)
              .matrix("dx", dx)
              .enqueue(CudaGrid.pieces(x));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.ACTIVATE_BACKWARD,
              c -> c.integer(f.ordinal()).matrix(x).matrix(dy).matrix(dx));
    }
  }
}
