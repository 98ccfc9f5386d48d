package io.gatun.kernels.ops;

import io.gatun.kernels.DType;

/**
 * To nearest, ties to even, from the definition of the format: with p significant bits and least
 * exponent e, {@code x} in [2^k, 2^(k+1)) becomes the multiple of {@code 2^(max(k, e) - p + 1)}
 * nearest to it, and infinity at 2^(E + 1), E the largest exponent.
 */
final class CastReference {
  private CastReference() {}

  static double run(double x, DType dtype) {
    return switch (dtype) {
      case F32 -> round(x, 24, -126, 127);
      case F16 -> round(x, 11, -14, 15);
      case BF16 -> round(x, 8, -126, 127);
    };
  }

  private static double round(double x, int bits, int leastExponent, int largestExponent) {
    if (!Double.isFinite(x)) {
      return x;
    }
    int unit = Math.max(Math.getExponent(x), leastExponent) - bits + 1;
    double rounded = Math.scalb(Math.rint(Math.scalb(x, -unit)), unit);
    boolean fits = Math.abs(rounded) < Math.scalb(1.0, largestExponent + 1);
    return fits ? rounded : Math.copySign(Double.POSITIVE_INFINITY, x);
  }
}
