package io.gatun.kernels.ops;

import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.Philox;

/**
 * {@code y[i][f] = unit(word) >= p ? x[i][f] / (1 - p) : 0}, word f % 4 of Philox with key seed and
 * counter (f / 4, token, step, purpose and tensor).
 */
final class DropoutReference {
  private DropoutReference() {}

  static double[] run(double[] x, int cols, DropoutKey key, int[] tokens, double p) {
    var y = new double[x.length];
    for (int i = 0; i < tokens.length; i++) {
      for (int f = 0; f < cols; f++) {
        int[] words = Philox.words(key.seed(), f / 4, tokens[i], key.step(), key.tensor());
        y[i * cols + f] = Philox.unit(words[f % 4]) >= p ? x[i * cols + f] / (1 - p) : 0;
      }
    }
    return y;
  }
}
