package io.gatun.quant.checkpoint;

/**
 * GGUF blocks of 256 values: Q4_K and Q5_K in eight parts of 32 with 6-bit scales and minima, y =
 * (d * scale) * q - dmin * minimum; Q6_K in sixteen parts of 16 with signed 8-bit scales, y = (d *
 * scale) * (q - 32).
 */
final class SuperBlocks {
  private SuperBlocks() {}

  /** d, dmin, 12 bytes of scales, 128 bytes of codes. */
  static void q4(byte[] in, int at, float[] out, int to, int blocks) {
    for (int b = 0; b < blocks; b++, at += 144, to += 256) {
      float d = Encoding.half(in, at);
      float dmin = Encoding.half(in, at + 2);
      for (int part = 0; part < 8; part++) {
        float scale = d * scale(in, at + 4, part);
        float minimum = dmin * minimum(in, at + 4, part);
        int codes = at + 16 + 32 * (part >> 1);
        int shift = 4 * (part & 1);
        for (int l = 0; l < 32; l++) {
          out[to + 32 * part + l] = scale * ((in[codes + l] >> shift) & 15) - minimum;
        }
      }
    }
  }

  /** d, dmin, 12 bytes of scales, 32 bytes of fifth bits, 128 bytes of codes. */
  static void q5(byte[] in, int at, float[] out, int to, int blocks) {
    for (int b = 0; b < blocks; b++, at += 176, to += 256) {
      float d = Encoding.half(in, at);
      float dmin = Encoding.half(in, at + 2);
      for (int part = 0; part < 8; part++) {
        float scale = d * scale(in, at + 4, part);
        float minimum = dmin * minimum(in, at + 4, part);
        int codes = at + 48 + 32 * (part >> 1);
        int shift = 4 * (part & 1);
        for (int l = 0; l < 32; l++) {
          int fifth = (in[at + 16 + l] >> part) & 1;
          int q = ((in[codes + l] >> shift) & 15) + 16 * fifth;
          out[to + 32 * part + l] = scale * q - minimum;
        }
      }
    }
  }

  /** 128 bytes of low bits, 64 bytes of high bits, 16 signed scales, d. */
  static void q6(byte[] in, int at, float[] out, int to, int blocks) {
    for (int b = 0; b < blocks; b++, at += 210, to += 256) {
      float d = Encoding.half(in, at + 208);
      for (int part = 0; part < 8; part++) {
        int half = part >> 2; // 128 values each
        int quarter = part & 3; // 32 values each
        int low = at + 64 * half + 32 * (quarter & 1);
        int high = at + 128 + 32 * half;
        int scales = at + 192 + 8 * half + 2 * quarter;
        for (int l = 0; l < 32; l++) {
          int q = (in[low + l] >> (4 * (quarter >> 1))) & 15;
          q |= ((in[high + l] >> (2 * quarter)) & 3) << 4;
          out[to + 32 * part + l] = d * in[scales + l / 16] * (q - 32);
        }
      }
    }
  }

  private static int scale(byte[] in, int at, int part) {
    return part < 4
        ? in[at + part] & 63
        : (in[at + part + 4] & 15) | ((in[at + part - 4] >> 6) & 3) << 4;
  }

  private static int minimum(byte[] in, int at, int part) {
    return part < 4
        ? in[at + part + 4] & 63
        : ((in[at + part + 4] >> 4) & 15) | ((in[at + part] >> 6) & 3) << 4;
  }
}
