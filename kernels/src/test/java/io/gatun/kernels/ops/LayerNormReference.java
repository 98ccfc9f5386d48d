package io.gatun.kernels.ops;

/**
 * In each row of n: {@code mean = sum(x) / n; rstd = 1 / sqrt(sum((x - mean)^2) / n + eps); y = (x
 * - mean) * rstd * gamma + beta}; with {@code g = dy * gamma} and {@code h = (x - mean) * rstd}:
 * {@code dx = rstd * (g - sum(g) / n - h * sum(g * h) / n)}.
 */
final class LayerNormReference {
  private LayerNormReference() {}

  static double[] mean(double[] x, int n) {
    var mean = new double[x.length / n];
    for (int i = 0; i < x.length; i++) {
      mean[i / n] += x[i] / n;
    }
    return mean;
  }

  static double[] rstd(double[] x, int n, double eps) {
    double[] mean = mean(x, n);
    var rstd = new double[mean.length];
    for (int i = 0; i < x.length; i++) {
      rstd[i / n] += (x[i] - mean[i / n]) * (x[i] - mean[i / n]) / n;
    }
    for (int row = 0; row < rstd.length; row++) {
      rstd[row] = 1 / Math.sqrt(rstd[row] + eps);
    }
    return rstd;
  }

  static double[] forward(double[] x, double[] gamma, double[] beta, double eps) {
    int n = gamma.length;
    double[] mean = mean(x, n);
    double[] rstd = rstd(x, n, eps);
    var y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = (x[i] - mean[i / n]) * rstd[i / n] * gamma[i % n] + beta[i % n];
    }
    return y;
  }

  /** The parts of y that x and the mean give, whose difference it holds. */
  static double[] terms(double[] x, double[] gamma, double eps) {
    int n = gamma.length;
    double[] rstd = rstd(x, n, eps);
    var terms = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      terms[i] = x[i] * rstd[i / n] * gamma[i % n];
    }
    return terms;
  }

  static double[] backward(double[] dy, double[] x, double[] gamma, double eps) {
    int n = gamma.length;
    double[] mean = mean(x, n);
    double[] rstd = rstd(x, n, eps);
    var dx = new double[x.length];
    for (int row = 0; row < rstd.length; row++) {
      double level = 0;
      double dot = 0;
      for (int i = row * n; i < (row + 1) * n; i++) {
        level += dy[i] * gamma[i % n];
        dot += dy[i] * gamma[i % n] * (x[i] - mean[row]) * rstd[row];
      }
      for (int i = row * n; i < (row + 1) * n; i++) {
        double h = (x[i] - mean[row]) * rstd[row];
        dx[i] = rstd[row] * (dy[i] * gamma[i % n] - level / n - h * dot / n);
      }
    }
    return dx;
  }

  /** The first term of dx, which the others cancel entirely when n is 1. */
  static double[] gradientTerms(double[] dy, double[] x, double[] gamma, double eps) {
    int n = gamma.length;
    double[] rstd = rstd(x, n, eps);
    var terms = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      terms[i] = rstd[i / n] * dy[i] * gamma[i % n];
    }
    return terms;
  }
}
