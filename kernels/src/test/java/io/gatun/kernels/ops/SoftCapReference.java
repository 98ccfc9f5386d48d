package io.gatun.kernels.ops;

/** {@code y = cap * tanh(x / cap)}. */
final class SoftCapReference {
  private SoftCapReference() {}

  static double[] run(double[] x, double cap) {
    var y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = cap * Math.tanh(x[i] / cap);
    }
    return y;
  }
}
