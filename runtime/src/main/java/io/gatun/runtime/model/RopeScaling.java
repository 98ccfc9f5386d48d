package io.gatun.runtime.model;

import java.util.List;

/**
 * How rotation frequencies are stretched for longer contexts, by the {@code rope_type} names of a
 * config.json. The mathematics is in {@link RopeTable}.
 */
public sealed interface RopeScaling {

  /** Frequencies as they are. */
  record None() implements RopeScaling {}

  /**
   * Every frequency divided by one factor.
   *
   * @param factor the divisor
   */
  record Linear(double factor) implements RopeScaling {}

  /**
   * Low frequencies divided by a factor, high ones kept, those between interpolated (Llama 3.1).
   *
   * @param factor the divisor of low frequencies
   * @param low {@code low_freq_factor}
   * @param high {@code high_freq_factor}
   * @param originalLength {@code original_max_position_embeddings}
   */
  record Llama3(double factor, double low, double high, int originalLength)
      implements RopeScaling {}

  /**
   * The base grows with the length of the sequence beyond the trained one.
   *
   * @param factor strength of the growth
   * @param trainedLength {@code max_position_embeddings}
   */
  record Dynamic(double factor, int trainedLength) implements RopeScaling {}

  /**
   * Frequencies interpolated between kept and divided by a ramp over the dimensions (YaRN).
   *
   * @param factor the divisor
   * @param originalLength {@code original_max_position_embeddings}
   * @param betaFast rotations above which a dimension is kept
   * @param betaSlow rotations below which a dimension is divided
   * @param truncate whether the ramp starts and ends at whole dimensions
   * @param attentionFactor multiplies cosine and sine
   */
  record Yarn(
      double factor,
      int originalLength,
      double betaFast,
      double betaSlow,
      boolean truncate,
      float attentionFactor)
      implements RopeScaling {}

  /**
   * One divisor per dimension, from one list up to the original length and from another beyond it.
   *
   * @param shortFactors divisors of sequences up to the original length
   * @param longFactors divisors of longer sequences
   * @param originalLength {@code original_max_position_embeddings}
   * @param attentionFactor multiplies cosine and sine
   */
  record LongRope(
      List<Double> shortFactors,
      List<Double> longFactors,
      int originalLength,
      float attentionFactor)
      implements RopeScaling {
    /** Copies the lists. */
    public LongRope {
      shortFactors = List.copyOf(shortFactors);
      longFactors = List.copyOf(longFactors);
    }
  }

  /**
   * One divisor per dimension, as a GGUF file stores Llama 3 scaling in {@code rope_freqs.weight}.
   *
   * @param divisors one per pair of dimensions
   */
  record Divisors(List<Double> divisors) implements RopeScaling {
    /** Copies the list. */
    public Divisors {
      divisors = List.copyOf(divisors);
    }
  }
}
