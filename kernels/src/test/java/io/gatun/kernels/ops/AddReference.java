package io.gatun.kernels.ops;

/** {@code y[i] = y[i] + x[i]}. */
final class AddReference {
  private AddReference() {}

  static double[] run(double[] x, double[] y) {
    var sum = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      sum[i] = y[i] + x[i];
    }
    return sum;
  }
}
