package io.gatun.runtime.model;

import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * Rotation angles of rotary position embeddings (formats.md 5.3).
 *
 * <pre>
 *   f[j] = theta^(-2j/d),  j = 0..d/2-1          (then scaled by {@link RopeScaling})
 *   cos[p, j] = a cos(p f[j]),  sin[p, j] = a sin(p f[j])
 * </pre>
 *
 * Frequencies and the product p f[j] are rounded to fp32, as the models were trained.
 *
 * @param theta the base
 * @param headDim d, even
 * @param scaling the change of frequencies
 */
public record RopeTable(double theta, int headDim, RopeScaling scaling) {

  /** Checks the dimension and the length of divisor lists. */
  public RopeTable {
    if (headDim <= 0 || headDim % 2 != 0) {
      throw new IllegalArgumentException("rope needs an even head dimension, not " + headDim);
    }
    switch (scaling) {
      case RopeScaling.LongRope s -> {
        checkLength("rope short_factor", s.shortFactors(), headDim);
        checkLength("rope long_factor", s.longFactors(), headDim);
      }
      case RopeScaling.Divisors s -> checkLength("rope_freqs.weight", s.divisors(), headDim);
      default -> {}
    }
  }

  private static void checkLength(String name, List<Double> divisors, int headDim) {
    if (divisors.size() != headDim / 2) {
      throw new IllegalArgumentException(
          name + " has " + divisors.size() + " values, the head dimension needs " + headDim / 2);
    }
  }

  /**
   * Whether frequencies change with the length of the sequence; such sequences cannot share a
   * prefix.
   *
   * @return true for dynamic and longrope scaling
   */
  public boolean dependsOnLength() {
    return scaling instanceof RopeScaling.Dynamic || scaling instanceof RopeScaling.LongRope;
  }

  /**
   * The frequencies of a sequence.
   *
   * @param length tokens in the sequence; matters only if {@link #dependsOnLength}
   * @return d/2 frequencies
   */
  public float[] frequencies(int length) {
    return switch (scaling) {
      case RopeScaling.None _ -> base(theta);
      case RopeScaling.Linear s -> divided(_ -> s.factor());
      case RopeScaling.Llama3 s -> llama3(s);
      case RopeScaling.Dynamic s -> base(grown(s, length));
      case RopeScaling.Yarn s -> yarn(s);
      case RopeScaling.LongRope s -> {
        var factors = length > s.originalLength() ? s.longFactors() : s.shortFactors();
        yield divided(factors::get);
      }
      case RopeScaling.Divisors s -> divided(s.divisors()::get);
    };
  }

  /**
   * The scaling of Llama 3 that gives these frequencies, for files that have no form for divisors.
   *
   * @return the scaling with the constants of all published models, if it does
   */
  public Optional<RopeScaling.Llama3> asLlama3() {
    if (!(scaling instanceof RopeScaling.Divisors(var divisors))) {
      return Optional.empty();
    }
    var llama3 = new RopeScaling.Llama3(Collections.max(divisors), 1, 4, 8192);
    float[] published = new RopeTable(theta, headDim, llama3).frequencies(1);
    float[] own = frequencies(1);
    for (int j = 0; j < own.length; j++) {
      if (Math.abs(own[j] - published[j]) > 4 * Math.ulp(published[j])) {
        return Optional.empty();
      }
    }
    return Optional.of(llama3);
  }

  /**
   * Writes one row of cosines and sines.
   *
   * @param position p
   * @param frequencies f, from {@link #frequencies}
   * @param row the row of both tables
   * @param cos (rows, d/2), written
   * @param sin (rows, d/2), written
   */
  public void fill(int position, float[] frequencies, int row, float[] cos, float[] sin) {
    float a = attentionFactor();
    for (int j = 0; j < frequencies.length; j++) {
      float angle = position * frequencies[j];
      cos[row * frequencies.length + j] = a * (float) Math.cos(angle);
      sin[row * frequencies.length + j] = a * (float) Math.sin(angle);
    }
  }

  private float attentionFactor() {
    return switch (scaling) {
      case RopeScaling.Yarn s -> s.attentionFactor();
      case RopeScaling.LongRope s -> s.attentionFactor();
      default -> 1f;
    };
  }

  private float[] base(double base) {
    float[] f = new float[headDim / 2];
    for (int j = 0; j < f.length; j++) {
      f[j] = 1f / (float) Math.pow(base, 2f * j / headDim);
    }
    return f;
  }

  /** The divisor of each frequency. */
  private interface Divisor {
    double at(int j);
  }

  private float[] divided(Divisor divisor) {
    float[] f = base(theta);
    for (int j = 0; j < f.length; j++) {
      f[j] = f[j] / (float) divisor.at(j);
    }
    return f;
  }

  /** In fp32 and in this order, as the models were trained. */
  private float[] llama3(RopeScaling.Llama3 s) {
    float[] f = base(theta);
    for (int j = 0; j < f.length; j++) {
      float wavelength = (float) (2 * Math.PI) / f[j];
      if (wavelength > s.originalLength() / s.low()) {
        f[j] /= (float) s.factor();
      } else if (wavelength >= s.originalLength() / s.high()) {
        float t =
            (s.originalLength() / wavelength - (float) s.low()) / (float) (s.high() - s.low());
        f[j] = (1 - t) * f[j] / (float) s.factor() + t * f[j];
      }
    }
    return f;
  }

  /** theta ((factor max(T, L) / L) - (factor - 1))^(d / (d - 2)). */
  private double grown(RopeScaling.Dynamic s, int length) {
    double stretch = (double) Math.max(length, s.trainedLength()) / s.trainedLength();
    double d = headDim;
    return theta * Math.pow(s.factor() * stretch - (s.factor() - 1), d / (d - 2));
  }

  private float[] yarn(RopeScaling.Yarn s) {
    double low = correction(s.betaFast(), s.originalLength());
    double high = correction(s.betaSlow(), s.originalLength());
    low = Math.max(s.truncate() ? Math.floor(low) : low, 0);
    high = Math.min(s.truncate() ? Math.ceil(high) : high, headDim - 1);
    double width = high == low ? 0.001 : high - low;
    float[] f = base(theta);
    for (int j = 0; j < f.length; j++) {
      double r = Math.clamp((j - low) / width, 0.0, 1.0);
      f[j] = (float) (f[j] * ((1 - r) + r / s.factor()));
    }
    return f;
  }

  /** The dimension that rotates {@code rotations} times over the original length. */
  private double correction(double rotations, int originalLength) {
    return headDim * Math.log(originalLength / (rotations * 2 * Math.PI)) / (2 * Math.log(theta));
  }
}
