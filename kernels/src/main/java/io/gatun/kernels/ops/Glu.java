package io.gatun.kernels.ops;

import io.gatun.kernels.Activation;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/** Gated linear unit on a fused gate | up matrix. C: gatun_glu_forward, gatun_glu_backward. */
public final class Glu {
  private Glu() {}

  /**
   * h = f(gate) * up, in F32, rounded once.
   *
   * @param activation f
   * @param gateUp (tokens, 2 F): gate in the left half, up in the right, F32 or BF16
   * @param h (tokens, F), type of gateUp
   */
  public static void forward(Activation activation, Matrix gateUp, Matrix h) {
    Device device = check(gateUp, h, "h");
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.GLU_FORWARD)
              .integer("activation", activation.ordinal())
              .matrix("gateUp", gateUp)
              .matrix("h", h)
              .enqueue(CudaGrid.pieces(h));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.GLU_FORWARD, c -> c.integer(activation.ordinal()).matrix(gateUp).matrix(h));
    }
  }

  /**
   * dGate = dh * up * f'(gate); dUp = dh * f(gate).
   *
   * @param activation f
   * @param gateUp as in forward
   * @param dh (tokens, F), type of gateUp
   * @param dGateUp (tokens, 2 F), type of gateUp; may be gateUp
   */
  public static void backward(Activation activation, Matrix gateUp, Matrix dh, Matrix dGateUp) {
    Device device = check(gateUp, dh, "dh");
    Check.same("glu", "dGateUp", dGateUp, gateUp);
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.GLU_BACKWARD)
              .integer("activation", activation.ordinal())
              .matrix("gateUp", gateUp)
              .matrix("dh", dh)
              .matrix("dGateUp", dGateUp)
              .enqueue(CudaGrid.pieces(dh));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.GLU_BACKWARD,
              c -> c.integer(activation.ordinal()).matrix(gateUp).matrix(dh).matrix(dGateUp));
    }
  }

  static Device check(Matrix gateUp, Matrix h, String name) {
    Device device = Check.compute("glu", "gateUp", gateUp);
    if (gateUp.cols() != 2L * h.cols()) {
      throw Check.wrong(
          "glu",
          "gateUp is %s, its columns must be twice those of the %s of the product",
          gateUp.shape(),
          h.shape());
    }
    Check.matrix("glu", name, h, gateUp.dtype(), gateUp.rows(), h.cols(), gateUp);
    return device;
  }
}
