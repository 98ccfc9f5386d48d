package io.gatun.kernels.ops;

import java.util.Arrays;

/**
 * {@code w = value[code] * scale} with {@code scale = map[scaleCode] * nested + offset} for nested
 * scales, every operation rounded to F32. Map: for i in 0..6, the means of neighbours among 2^i + 1
 * equidistant numbers from 0.1 to 1, times 10^(i-6), both signs; 0 and 1.
 */
final class Nf4DequantizeReference {
  static final float[] NF4 = {
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

  static final float[] FP4 = {
    0,
    0.0052083333f,
    0.6666667f,
    1,
    0.33333334f,
    0.5f,
    0.16666667f,
    0.25f,
    0,
    -0.0052083333f,
    -0.6666667f,
    -1,
    -0.33333334f,
    -0.5f,
    -0.16666667f,
    -0.25f
  };

  static final float[] SIGNED_MAP = signedMap();

  private Nf4DequantizeReference() {}

  private static float[] signedMap() {
    var map = new float[256];
    int count = 2;
    map[1] = 1;
    for (int i = 0; i < 7; i++) {
      int n = 1 << i;
      for (int k = 0; k < n; k++) {
        float mean = (boundary(k, n) + boundary(k + 1, n)) / 2;
        float value = mean * (float) Math.pow(10, i - 6);
        map[count++] = value;
        map[count++] = -value;
      }
    }
    Arrays.sort(map);
    return map;
  }

  private static float boundary(int k, int n) {
    float step = (1 - 0.1f) / n;
    return k < (n + 1) / 2 ? Math.fma(step, k, 0.1f) : Math.fma(-step, n - k, 1f);
  }

  static float[] nestedScales(byte[] codes, float[] nested, float offset) {
    var scales = new float[codes.length];
    for (int i = 0; i < codes.length; i++) {
      float centred = SIGNED_MAP[codes[i] & 255] * nested[i / 256];
      scales[i] = centred + offset;
    }
    return scales;
  }

  static float[] run(int[] codes, float[] values, float[] scales, int blockSize) {
    var w = new float[codes.length];
    for (int i = 0; i < codes.length; i++) {
      w[i] = values[codes[i]] * scales[i / blockSize];
    }
    return w;
  }
}
