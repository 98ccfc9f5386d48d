package io.gatun.kernels;

/**
 * Inverted dropout of attention's weights, which are what softmax gives. The weight of a query for
 * a key is kept when {@link Philox#unit} of word k % 4 of {@link Philox#words}(seed, head &lt;&lt;
 * 20 | k / 4, token index of the query, step, {@link DropoutKey#word}) is at least p; k is the
 * position of the key, counted along its chain of parents.
 *
 * @param p probability of a zero, 0 to below 1; other weights are multiplied by 1 / (1 - p)
 * @param key which mask
 * @param tokenIndex of each query row, counted over the optimizer step before packing
 */
public record AttentionDropout(float p, DropoutKey key, Ints tokenIndex) {
  /** Query heads at most: their numbers have twelve bits in a counter. */
  public static final int MAX_HEADS = 1 << 12;

  /** Keys of a chain at most: a fourth of their positions has twenty bits in a counter. */
  public static final int MAX_KEYS = 1 << 22;

  /** Refuses what is no probability below 1. */
  public AttentionDropout {
    if (!(p >= 0 && p < 1)) {
      throw new IllegalArgumentException(
          "the probability of attention's dropout is %s, must be 0 to below 1".formatted(p));
    }
  }
}
