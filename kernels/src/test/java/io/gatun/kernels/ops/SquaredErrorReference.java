package io.gatun.kernels.ops;

/**
 * {@code loss = weight / cols * sum over j of (z[j] - t[j])^2}; {@code dz[j] = 2 weight / cols *
 * (z[j] - t[j])}.
 */
final class SquaredErrorReference {
  private SquaredErrorReference() {}

  static double[] loss(double[] z, double[] targets, int cols, double[] weights) {
    var loss = new double[weights.length];
    for (int i = 0; i < z.length; i++) {
      double d = z[i] - targets[i];
      loss[i / cols] += weights[i / cols] / cols * d * d;
    }
    return loss;
  }

  static double[] gradient(double[] z, double[] targets, int cols, double[] weights) {
    var dz = new double[z.length];
    for (int i = 0; i < z.length; i++) {
      dz[i] = 2 * weights[i / cols] / cols * (z[i] - targets[i]);
    }
    return dz;
  }
}
