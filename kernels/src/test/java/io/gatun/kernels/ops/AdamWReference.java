package io.gatun.kernels.ops;

/**
 * {@code p = p (1 - lr wd); m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p = p - lr / (1 - b1^t)
 * * m / (sqrt(v) / sqrt(1 - b2^t) + eps)}, g scaled first.
 */
final class AdamWReference {
  private AdamWReference() {}

  static void step(
      double[] p, double[] g, double[] m, double[] v, AdamW.Hyper hyper, int t, double scale) {
    for (int i = 0; i < p.length; i++) {
      double gradient = g[i] * scale;
      p[i] *= 1 - hyper.lr() * hyper.weightDecay();
      m[i] = hyper.beta1() * m[i] + (1 - hyper.beta1()) * gradient;
      v[i] = hyper.beta2() * v[i] + (1 - hyper.beta2()) * gradient * gradient;
      double root = Math.sqrt(v[i]) / Math.sqrt(1 - Math.pow(hyper.beta2(), t)) + hyper.eps();
      p[i] -= hyper.lr() / (1 - Math.pow(hyper.beta1(), t)) * m[i] / root;
    }
  }
}
