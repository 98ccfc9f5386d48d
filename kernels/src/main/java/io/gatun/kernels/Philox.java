package io.gatun.kernels;

/**
 * Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011). A number depends on key and counter alone, never on
 * threads, order or what was drawn before.
 */
public final class Philox {
  private static final int M0 = 0xD2511F53;
  private static final int M1 = 0xCD9E8D57;
  private static final int W0 = 0x9E3779B9;
  private static final int W1 = 0xBB67AE85;
  private static final int ROUNDS = 10;

  private Philox() {}

  /** What a stream of numbers is for; the words never collide between purposes. */
  public enum Purpose {
    /** Dropout masks. */
    DROPOUT,
    /** Initial values of adapter parameters. */
    INITIALIZATION,
    /** The order of rows in an epoch. */
    SHUFFLE,
    /** Choosing the next token. */
    SAMPLING
  }

  /**
   * Four random words.
   *
   * @param key the seed
   * @param c0 counter word 0
   * @param c1 counter word 1
   * @param c2 counter word 2
   * @param c3 counter word 3
   * @return four words, each uniform over all 32-bit values
   */
  public static int[] words(long key, int c0, int c1, int c2, int c3) {
    int k0 = (int) key;
    int k1 = (int) (key >>> 32);
    for (int round = 0; round < ROUNDS; round++) {
      long p0 = (M0 & 0xFFFFFFFFL) * (c0 & 0xFFFFFFFFL);
      long p1 = (M1 & 0xFFFFFFFFL) * (c2 & 0xFFFFFFFFL);
      int n0 = (int) (p1 >>> 32) ^ c1 ^ k0;
      int n2 = (int) (p0 >>> 32) ^ c3 ^ k1;
      c1 = (int) p1;
      c3 = (int) p0;
      c0 = n0;
      c2 = n2;
      k0 += W0;
      k1 += W1;
    }
    return new int[] {c0, c1, c2, c3};
  }

  /**
   * A word as a number in [0, 1), on the grid of 2^-24.
   *
   * @param word a random word
   * @return uniform in [0, 1)
   */
  public static float unit(int word) {
    return (word >>> 8) * 0x1p-24f;
  }
}
