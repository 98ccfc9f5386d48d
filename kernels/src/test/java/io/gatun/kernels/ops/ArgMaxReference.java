package io.gatun.kernels.ops;

/** {@code found[i] = min { j : x[i, j] = max of x[i, 0..count-1] }}, NaN below all. */
final class ArgMaxReference {
  private ArgMaxReference() {}

  static int[] run(double[] x, int cols, int count) {
    var found = new int[x.length / cols];
    for (int i = 0; i < found.length; i++) {
      for (int j = count - 1; j >= 0; j--) {
        double best = x[i * cols + found[i]];
        double value = x[i * cols + j];
        if (value >= best || Double.isNaN(best)) {
          found[i] = Double.isNaN(value) && !Double.isNaN(best) ? found[i] : j;
        }
      }
    }
    return found;
  }
}
