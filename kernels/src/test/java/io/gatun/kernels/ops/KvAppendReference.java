package io.gatun.kernels.ops;

/** {@code cache[rows[i]] = k[i] | v[i]}. */
final class KvAppendReference {
  private KvAppendReference() {}

  static double[] run(double[] k, double[] v, int cols, int[] rows, double[] cache) {
    double[] result = cache.clone();
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < cols; j++) {
        result[rows[i] * 2 * cols + j] = k[i * cols + j];
        result[rows[i] * 2 * cols + cols + j] = v[i * cols + j];
      }
    }
    return result;
  }
}
