package io.gatun.kernels.ops;

/**
 * {@code z = cap > 0 ? cap * tanh(x / cap) : x; loss = weight * (log(sum(e^z)) - z[label])}; {@code
 * dx[j] = weight * (e^z[j] / sum(e^z) - (j == label)) * (cap > 0 ? 1 - (z[j] / cap)^2 : 1)}; a row
 * labelled -100 has loss 0 and gradient 0.
 */
final class CrossEntropyReference {
  private CrossEntropyReference() {}

  static double[] loss(double[] x, int cols, int[] labels, double[] weights, double cap) {
    var loss = new double[labels.length];
    for (int i = 0; i < loss.length; i++) {
      if (labels[i] != -100) {
        double z = capped(x[i * cols + labels[i]], cap);
        loss[i] = weights[i] * (logSum(x, i * cols, cols, cap) - z);
      }
    }
    return loss;
  }

  static double[] gradient(double[] x, int cols, int[] labels, double[] weights, double cap) {
    var d = new double[x.length];
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] == -100) {
        continue;
      }
      double logSum = logSum(x, i * cols, cols, cap);
      for (int j = 0; j < cols; j++) {
        double z = capped(x[i * cols + j], cap);
        double chain = cap > 0 ? 1 - z / cap * (z / cap) : 1;
        d[i * cols + j] = weights[i] * (Math.exp(z - logSum) - (j == labels[i] ? 1 : 0)) * chain;
      }
    }
    return d;
  }

  private static double capped(double x, double cap) {
    return cap > 0 ? cap * Math.tanh(x / cap) : x;
  }

  private static double logSum(double[] x, int first, int cols, double cap) {
    double top = Double.NEGATIVE_INFINITY;
    for (int j = first; j < first + cols; j++) {
      top = Math.max(top, capped(x[j], cap));
    }
    double sum = 0;
    for (int j = first; j < first + cols; j++) {
      sum += Math.exp(capped(x[j], cap) - top);
    }
    return top + Math.log(sum);
  }
}
