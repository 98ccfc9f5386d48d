package io.gatun.kernels.ops;

/**
 * With {@code p = 1 / (1 + e^-z)}: {@code loss = weight / cols * sum over j of (t[j] log(1 +
 * e^-z[j]) + (1 - t[j]) log(1 + e^z[j]))}; {@code dz[j] = weight / cols * ((1 - t[j]) p[j] - t[j]
 * (1 - p[j]))}.
 */
final class BinaryCrossEntropyReference {
  private BinaryCrossEntropyReference() {}

  static double[] loss(double[] z, double[] targets, int cols, double[] weights) {
    var loss = new double[weights.length];
    for (int i = 0; i < z.length; i++) {
      double t = targets[i];
      loss[i / cols] += weights[i / cols] / cols * (t * softplus(-z[i]) + (1 - t) * softplus(z[i]));
    }
    return loss;
  }

  static double[] gradient(double[] z, double[] targets, int cols, double[] weights) {
    var dz = new double[z.length];
    for (int i = 0; i < z.length; i++) {
      double t = targets[i];
      dz[i] = weights[i / cols] / cols * ((1 - t) * sigmoid(z[i]) - t * sigmoid(-z[i]));
    }
    return dz;
  }

  /** The second term of dz, which the first may cancel. */
  static double[] terms(double[] z, double[] targets, int cols, double[] weights) {
    var terms = new double[z.length];
    for (int i = 0; i < z.length; i++) {
      terms[i] = weights[i / cols] / cols * targets[i] * sigmoid(-z[i]);
    }
    return terms;
  }

  private static double sigmoid(double z) {
    return 1 / (1 + Math.exp(-z));
  }

  /** log(1 + e^z), which is z itself where e^z is too large to be a number. */
  private static double softplus(double z) {
    return z > 40 ? z : Math.log1p(Math.exp(z));
  }
}
