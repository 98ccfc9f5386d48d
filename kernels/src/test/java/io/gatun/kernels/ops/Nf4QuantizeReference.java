package io.gatun.kernels.ops;

import io.gatun.kernels.Nf4Matrix.Code;

/**
 * In each block: {@code absmax = max |x|}, {@code v = x * (1 / max(absmax, 1e-38))}, every
 * operation rounded to F32. NF4: the code is the number of midpoints of neighbouring values that
 * lie strictly below v. FP4: of the thresholds below |v|, in the order of the magnitudes, with bit
 * 3 for v &lt; 0. Nested scales: {@code v = (absmax - offset) * (1 / max |absmax - offset|)} in
 * groups of 256; the code is the nearest entry of the signed map, the lower one at equal distance.
 */
final class Nf4QuantizeReference {
  private static final int[] FP4_BY_MAGNITUDE = {0, 1, 6, 7, 4, 5, 2, 3};
  private static final float[] FP4_THRESHOLDS = {
    0.00260417f, 0.0859375f, 0.20833333f, 0.29166667f, 0.4166667f, 0.583333f, 0.8333333f
  };

  private Nf4QuantizeReference() {}

  static float[] scales(float[] x, int blockSize) {
    var scales = new float[Math.ceilDiv(x.length, blockSize)];
    for (int i = 0; i < x.length; i++) {
      scales[i / blockSize] = Math.max(scales[i / blockSize], Math.abs(x[i]));
    }
    return scales;
  }

  /** One code an element. */
  static int[] codes(float[] x, float[] scales, int blockSize, Code code) {
    var codes = new int[x.length];
    for (int i = 0; i < x.length; i++) {
      float v = x[i] * (1 / Math.max(scales[i / blockSize], 1e-38f));
      codes[i] = code == Code.NF4 ? nf4(v) : fp4(v);
    }
    return codes;
  }

  private static int nf4(float v) {
    int code = 0;
    for (int i = 0; i < 15; i++) {
      float threshold = (Nf4DequantizeReference.NF4[i] + Nf4DequantizeReference.NF4[i + 1]) / 2;
      code += threshold < v ? 1 : 0;
    }
    return code;
  }

  private static int fp4(float v) {
    int rank = 0;
    for (float threshold : FP4_THRESHOLDS) {
      rank += threshold < Math.abs(v) ? 1 : 0;
    }
    return FP4_BY_MAGNITUDE[rank] | (v < 0 ? 8 : 0);
  }

  static float[] nestedScales(float[] scales, float offset) {
    var nested = new float[Math.ceilDiv(scales.length, 256)];
    for (int i = 0; i < scales.length; i++) {
      nested[i / 256] = Math.max(nested[i / 256], Math.abs(scales[i] - offset));
    }
    return nested;
  }

  static byte[] nestedCodes(float[] scales, float[] nested, float offset) {
    var codes = new byte[scales.length];
    for (int i = 0; i < scales.length; i++) {
      float v = (scales[i] - offset) * (1 / Math.max(nested[i / 256], 1e-38f));
      int code = 0;
      for (int j = 0; j < 255; j++) {
        float middle =
            (Nf4DequantizeReference.SIGNED_MAP[j] + Nf4DequantizeReference.SIGNED_MAP[j + 1]) / 2;
        code += middle < v ? 1 : 0;
      }
      codes[i] = (byte) code;
    }
    return codes;
  }

  /**
   * File order: the first of two elements in the high half; the code of zero after an odd number.
   */
  static byte[] pack(int[] codes, Code code) {
    var bytes = new byte[Math.ceilDiv(codes.length, 2)];
    for (int i = 0; i < bytes.length; i++) {
      int low = 2 * i + 1 < codes.length ? codes[2 * i + 1] : code == Code.NF4 ? 7 : 0;
      bytes[i] = (byte) (codes[2 * i] << 4 | low);
    }
    return bytes;
  }
}
