package io.gatun.quant.checkpoint;

import io.gatun.kernels.Nf4Matrix.Code;
import java.util.Arrays;

/**
 * The tables that 4-bit checkpoints carry beside their codes. A reader accepts these and no others,
 * because the kernels know no others; a writer stores them.
 */
final class CodeTables {
  private static final float[] NF4 = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f
  };

  /** Magnitudes by the three low bits of a code, times 12. */
  private static final float[] FP4_TWELFTHS = {0, 0.0625f, 8, 12, 4, 6, 2, 3};

  private static final float[] FP4 = fp4();
  private static final float[] SIGNED_DYNAMIC = computeSignedDynamic();

  private CodeTables() {}

  /** The value of each of the 16 codes, a copy. */
  static float[] of(Code code) {
    return switch (code) {
      case NF4 -> NF4.clone();
      case FP4 -> FP4.clone();
    };
  }

  /** The 256 values of the 8-bit codes of nested scales, ascending; a copy. */
  static float[] signedDynamic() {
    return SIGNED_DYNAMIC.clone();
  }

  /** True if both hold the same bits. */
  static boolean sameBits(float[] a, float[] b) {
    boolean same = a.length == b.length;
    for (int i = 0; same && i < a.length; i++) {
      same = Float.floatToRawIntBits(a[i]) == Float.floatToRawIntBits(b[i]);
    }
    return same;
  }

  private static float[] fp4() {
    var values = new float[16];
    for (int code = 0; code < 16; code++) {
      float magnitude = FP4_TWELFTHS[code & 7] / 12;
      values[code] = code > 8 ? -magnitude : magnitude; // code 8 is stored as +0
    }
    return values;
  }

  /**
   * For i = 0 … 6 the means of neighbours among 2^i + 1 points from 0.1 to 1, times 10^(i - 6),
   * with both signs; then 0 and 1.
   */
  private static float[] computeSignedDynamic() {
    var values = new float[256];
    int n = 0;
    for (int i = 0; i <= 6; i++) {
      int points = (1 << i) + 1;
      float power = (float) Math.pow(10, i - 6);
      for (int k = 0; k + 1 < points; k++) {
        float mean = (linear(k, points) + linear(k + 1, points)) / 2;
        values[n++] = mean * power;
        values[n++] = -(mean * power);
      }
    }
    values[n++] = 0;
    values[n++] = 1;
    Arrays.sort(values);
    return values;
  }

  /** Point k of n from 0.1 to 1 as torch places it: from the nearer end, rounded once. */
  private static float linear(int k, int n) {
    float first = 0.1f;
    float last = 1f;
    float step = (last - first) / (n - 1);
    return k < n / 2
        ? (float) (first + (double) step * k)
        : (float) (last - (double) step * (n - 1 - k));
  }
}
