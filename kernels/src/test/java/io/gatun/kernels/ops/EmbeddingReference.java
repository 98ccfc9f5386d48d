package io.gatun.kernels.ops;

/** {@code y[i] = table[ids[i]] * scale; dTable[ids[i]] += dy[i] * scale}. */
final class EmbeddingReference {
  private EmbeddingReference() {}

  static double[] forward(double[] table, int cols, int[] ids, double scale) {
    var y = new double[ids.length * cols];
    for (int i = 0; i < ids.length; i++) {
      for (int j = 0; j < cols; j++) {
        y[i * cols + j] = table[ids[i] * cols + j] * scale;
      }
    }
    return y;
  }

  static double[] backward(double[] dy, int cols, int[] ids, double scale, double[] dTable) {
    double[] sum = dTable.clone();
    for (int i = 0; i < ids.length; i++) {
      for (int j = 0; j < cols; j++) {
        sum[ids[i] * cols + j] += dy[i * cols + j] * scale;
      }
    }
    return sum;
  }
}
