package io.gatun.kernels.ops;

/**
 * For rows of x that use an adapter: {@code t = xa Aᵀ}, {@code y = x Wᵀ + t (sB)ᵀ}; {@code u = dy
 * (sB)}, {@code dx = dy W + u A}, {@code dA = uᵀ xa}, {@code dB = s dyᵀ t}. A stacks the ranks of
 * all siblings; a sibling's B stands in its rows and ranks of one (out, ranks) matrix that is zero
 * elsewhere.
 */
final class LoraMatMulReference {
  private LoraMatMulReference() {}

  /** {@code a bᵀ}: (rows, n) and (cols, n). */
  static double[] timesTransposed(double[] a, double[] b, int rows, int n, int cols) {
    return MatMulReference.forward(a, b, rows, n, cols);
  }

  /** {@code a b}: (rows, n) and (n, cols). */
  static double[] times(double[] a, double[] b, int rows, int n, int cols) {
    return MatMulReference.backward(a, b, rows, cols, n);
  }

  /** {@code aᵀ b}: (n, rows) and (n, cols). */
  static double[] transposedTimes(double[] a, double[] b, int rows, int n, int cols) {
    var product = new double[rows * cols];
    for (int i = 0; i < n; i++) {
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
          product[r * cols + c] += a[i * rows + r] * b[i * cols + c];
        }
      }
    }
    return product;
  }

  static double[] plus(double[] a, double[] b) {
    return AddReference.run(a, b);
  }
}
