package io.gatun.kernels.ops;

import java.util.function.UnaryOperator;

/** Gradients without calculus, from the double-precision reference of the forward direction. */
public final class FiniteDifferences {
  private FiniteDifferences() {}

  /**
   * The gradient of sum(dy * f(x)) by x: (f(x + h) - f(x - h)) / 2h, with h = 2^-17, whose error is
   * some 1e-10.
   *
   * @param f the forward function; must not change its argument
   * @param x where
   * @param dy weight of each result
   * @return one number for each element of x
   */
  public static double[] gradient(UnaryOperator<double[]> f, double[] x, double[] dy) {
    double h = 0x1p-17;
    var gradient = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      double[] moved = x.clone();
      moved[i] = x[i] + h;
      double above = dot(f.apply(moved), dy);
      moved[i] = x[i] - h;
      gradient[i] = (above - dot(f.apply(moved), dy)) / (2 * h);
    }
    return gradient;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
