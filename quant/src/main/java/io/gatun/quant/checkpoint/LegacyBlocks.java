package io.gatun.quant.checkpoint;

/**
 * GGUF blocks of 32 values: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0. Byte j of a block's codes holds value j
 * in its low and value j + 16 in its high half. With a minimum, y = q * d + m; without, y = (q -
 * half of the range) * d.
 */
final class LegacyBlocks {
  private LegacyBlocks() {}

  /** Blocks of 4-bit codes: d, [m,] 16 bytes. */
  static void q4(byte[] in, int at, float[] out, int to, int blocks, boolean minimum) {
    for (int b = 0; b < blocks; b++, to += 32) {
      float d = Encoding.half(in, at);
      float m = minimum ? Encoding.half(in, at + 2) : 0;
      int codes = at + (minimum ? 4 : 2);
      if (minimum) {
        for (int j = 0; j < 16; j++) {
          int q = in[codes + j];
          out[to + j] = (q & 15) * d + m;
          out[to + j + 16] = ((q >> 4) & 15) * d + m;
        }
      } else {
        for (int j = 0; j < 16; j++) {
          int q = in[codes + j];
          out[to + j] = ((q & 15) - 8) * d;
          out[to + j + 16] = (((q >> 4) & 15) - 8) * d;
        }
      }
      at = codes + 16;
    }
  }

  /** Blocks of 5-bit codes: d, [m,] 32 fifth bits, 16 bytes. */
  static void q5(byte[] in, int at, float[] out, int to, int blocks, boolean minimum) {
    for (int b = 0; b < blocks; b++, to += 32) {
      float d = Encoding.half(in, at);
      float m = minimum ? Encoding.half(in, at + 2) : 0;
      int fifths = at + (minimum ? 4 : 2);
      int high = bits(in, fifths);
      int codes = fifths + 4;
      for (int j = 0; j < 16; j++) {
        int low = in[codes + j];
        int q = (low & 15) | ((high >>> j) & 1) << 4;
        int r = ((low >> 4) & 15) | ((high >>> (j + 16)) & 1) << 4;
        out[to + j] = minimum ? q * d + m : (q - 16) * d;
        out[to + j + 16] = minimum ? r * d + m : (r - 16) * d;
      }
      at = codes + 16;
    }
  }

  /** Blocks of 8-bit codes: d, 32 signed bytes. */
  static void q8(byte[] in, int at, float[] out, int to, int blocks) {
    for (int b = 0; b < blocks; b++, at += 34, to += 32) {
      float d = Encoding.half(in, at);
      for (int j = 0; j < 32; j++) {
        out[to + j] = in[at + 2 + j] * d;
      }
    }
  }

  private static int bits(byte[] in, int at) {
    return (in[at] & 255)
        | (in[at + 1] & 255) << 8
        | (in[at + 2] & 255) << 16
        | (in[at + 3] & 255) << 24;
  }
}
