package io.gatun.kernels.ops;

/**
 * In each head, with a = x[j], b = x[j + half]: {@code x[j] = a cos[j] - b sin[j]; x[j + half] = b
 * cos[j] + a sin[j]}. The inverse has -sin.
 */
final class RopeReference {
  private RopeReference() {}

  static double[] run(
      double[] x, int cols, int headDim, double[] cos, double[] sin, double direction) {
    int rows = x.length / cols;
    int half = cos.length / Math.max(1, rows);
    double[] y = x.clone();
    for (int i = 0; i < rows; i++) {
      for (int head = 0; head < cols; head += headDim) {
        for (int j = 0; j < half; j++) {
          int low = i * cols + head + j;
          double c = cos[i * half + j];
          double s = sin[i * half + j] * direction;
          y[low] = x[low] * c - x[low + half] * s;
          y[low + half] = x[low + half] * c + x[low] * s;
        }
      }
    }
    return y;
  }
}
