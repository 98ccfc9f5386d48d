package io.gatun.kernels;

/**
 * A run of consecutive tokens that attends to itself and to all keys of its parent chain; causally,
 * or, in an encoder, to all of itself and without parent. Its queries are the last {@code
 * queryLength} positions of its own keys: all of them in training, the newest in decoding, none for
 * a prefix that is only attended to. Own key i has position (sum of keyLength over the parent
 * chain) + i.
 *
 * @param queryFirst first row among the queries
 * @param queryLength rows among the queries
 * @param keyFirst first row among the keys
 * @param keyLength rows among the keys, at least queryLength
 * @param parent index of an earlier segment, or -1
 */
public record Segment(int queryFirst, int queryLength, int keyFirst, int keyLength, int parent) {
  /** The parent of a segment that has none. */
  public static final int NO_PARENT = -1;

  /** Refuses negative ranges and more queries than keys. */
  public Segment {
    if (queryFirst < 0
        || keyFirst < 0
        || queryLength < 0
        || keyLength < queryLength
        || parent < NO_PARENT
        || queryFirst > Integer.MAX_VALUE - queryLength
        || keyFirst > Integer.MAX_VALUE - keyLength) {
      throw new IllegalArgumentException(
          ("a segment with %d queries from row %d, %d keys from row %d and parent %d: ranges must"
                  + " not be negative, nor the queries more than the keys")
              .formatted(queryLength, queryFirst, keyLength, keyFirst, parent));
    }
  }

  /**
   * A segment whose queries are its keys: packed training without a parent.
   *
   * @param first first row
   * @param length rows
   * @return the segment
   */
  public static Segment of(int first, int length) {
    return new Segment(first, length, first, length, NO_PARENT);
  }
}
