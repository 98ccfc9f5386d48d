package io.gatun.kernels.ops;

/**
 * In each group of n columns: {@code rstd = 1 / sqrt(sum(x^2) / n + eps); y = x * rstd * (gamma +
 * offset)}; with {@code g = dy * (gamma + offset)} and {@code h = x * rstd}: {@code dx = rstd * (g
 * - h * sum(g * h) / n)}.
 */
final class RmsNormReference {
  private RmsNormReference() {}

  static double[] rstd(double[] x, int n, double eps) {
    var rstd = new double[x.length / n];
    for (int group = 0; group < rstd.length; group++) {
      double squares = 0;
      for (int j = 0; j < n; j++) {
        squares += x[group * n + j] * x[group * n + j];
      }
      rstd[group] = 1 / Math.sqrt(squares / n + eps);
    }
    return rstd;
  }

  static double[] forward(double[] x, double[] gamma, double offset, double eps) {
    int n = gamma.length;
    double[] rstd = rstd(x, n, eps);
    var y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = x[i] * rstd[i / n] * (gamma[i % n] + offset);
    }
    return y;
  }

  static double[] backward(double[] dy, double[] x, double[] gamma, double offset, double eps) {
    int n = gamma.length;
    double[] rstd = rstd(x, n, eps);
    var dx = new double[x.length];
    for (int group = 0; group < rstd.length; group++) {
      double dot = 0;
      for (int i = group * n; i < (group + 1) * n; i++) {
        dot += dy[i] * (gamma[i % n] + offset) * x[i] * rstd[group];
      }
      for (int i = group * n; i < (group + 1) * n; i++) {
        double g = dy[i] * (gamma[i % n] + offset);
        dx[i] = rstd[group] * (g - x[i] * rstd[group] * dot / n);
      }
    }
    return dx;
  }

  /** The first term of dx, which the second cancels entirely when n is 1. */
  static double[] terms(double[] dy, double[] x, double[] gamma, double offset, double eps) {
    int n = gamma.length;
    double[] rstd = rstd(x, n, eps);
    var terms = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      terms[i] = rstd[i / n] * dy[i] * (gamma[i % n] + offset);
    }
    return terms;
  }
}
