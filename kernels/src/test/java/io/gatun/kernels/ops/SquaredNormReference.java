package io.gatun.kernels.ops;

/** {@code sum(x^2)}. */
final class SquaredNormReference {
  private SquaredNormReference() {}

  static double run(double[] x) {
    double sum = 0;
    for (double v : x) {
      sum += v * v;
    }
    return sum;
  }
}
