package io.gatun.kernels.ops;

/** {@code dw[n][k] = sum over i of dy[i][n] x[i][k]}; {@code db[n] = sum over i of dy[i][n]}. */
final class LinearGradientReference {
  private LinearGradientReference() {}

  static double[] weight(double[] dy, double[] x, int rows, int in, int out) {
    var dw = new double[out * in];
    for (int i = 0; i < rows; i++) {
      for (int n = 0; n < out; n++) {
        for (int k = 0; k < in; k++) {
          dw[n * in + k] += dy[i * out + n] * x[i * in + k];
        }
      }
    }
    return dw;
  }

  static double[] bias(double[] dy, int out) {
    var db = new double[out];
    for (int i = 0; i < dy.length; i++) {
      db[i % out] += dy[i];
    }
    return db;
  }

  /** The layer itself, of w and b one after the other: y = x wᵀ + b. */
  static double[] layer(double[] x, double[] parameters, int rows, int in, int out) {
    double[] y = MatMulReference.forward(x, parameters, rows, in, out);
    for (int i = 0; i < y.length; i++) {
      y[i] += parameters[out * in + i % out];
    }
    return y;
  }
}
