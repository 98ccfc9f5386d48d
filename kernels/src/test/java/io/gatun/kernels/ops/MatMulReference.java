package io.gatun.kernels.ops;

/**
 * {@code y[i][n] = sum over k of x[i][k] w[n][k]} and {@code dx[i][k] = sum over n of dy[i][n]
 * w[n][k]}.
 */
final class MatMulReference {
  private MatMulReference() {}

  /** x: (rows, in), w: (out, in); the result is (rows, out). */
  static double[] forward(double[] x, double[] w, int rows, int in, int out) {
    var y = new double[rows * out];
    for (int i = 0; i < rows; i++) {
      for (int n = 0; n < out; n++) {
        double sum = 0;
        for (int k = 0; k < in; k++) {
          sum += x[i * in + k] * w[n * in + k];
        }
        y[i * out + n] = sum;
      }
    }
    return y;
  }

  /** dy: (rows, out), w: (out, in); the result is (rows, in). */
  static double[] backward(double[] dy, double[] w, int rows, int in, int out) {
    var dx = new double[rows * in];
    for (int i = 0; i < rows; i++) {
      for (int n = 0; n < out; n++) {
        for (int k = 0; k < in; k++) {
          dx[i * in + k] += dy[i * out + n] * w[n * in + k];
        }
      }
    }
    return dx;
  }
}
