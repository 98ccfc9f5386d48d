package io.gatun.kernels.ops;

import io.gatun.kernels.Activation;

/**
 * {@code h = f(gate) * up}; {@code dGate = dh * up * f'(gate); dUp = dh * f(gate)}, with f and f'
 * of {@link ActivateReference}.
 */
final class GluReference {
  private GluReference() {}

  static double[] forward(Activation activation, double[] gateUp, int f) {
    var h = new double[gateUp.length / 2];
    for (int i = 0; i < h.length; i++) {
      int gate = i / f * 2 * f + i % f;
      h[i] = ActivateReference.value(activation, gateUp[gate]) * gateUp[gate + f];
    }
    return h;
  }

  static double[] backward(Activation activation, double[] gateUp, double[] dh, int f) {
    var d = new double[gateUp.length];
    for (int i = 0; i < dh.length; i++) {
      int gate = i / f * 2 * f + i % f;
      d[gate] = dh[i] * gateUp[gate + f] * ActivateReference.slope(activation, gateUp[gate]);
      d[gate + f] = dh[i] * ActivateReference.value(activation, gateUp[gate]);
    }
    return d;
  }
}
