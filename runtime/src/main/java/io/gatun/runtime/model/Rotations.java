package io.gatun.runtime.model;

import java.util.Arrays;

/**
 * Rows of a {@link RopeTable} by position, each computed once: a GPU would wait for the cosines of
 * every pass otherwise. Where frequencies depend on the length of a sequence, nothing can be kept.
 * Safe for several threads.
 */
final class Rotations {
  /** Positions 0, 1, ... of both tables. */
  private record Rows(int count, float[] cos, float[] sin) {}

  private final RopeTable rope;
  private Rows known = new Rows(0, new float[0], new float[0]);

  Rotations(RopeTable rope) {
    this.rope = rope;
  }

  /**
   * Writes the rows of one sequence.
   *
   * @param positions of all rows; those of the sequence ascend
   * @param first row of the sequence
   * @param count how many rows it has, at least one
   * @param cos (rows, d/2), written
   * @param sin (rows, d/2), written
   */
  void fill(int[] positions, int first, int count, float[] cos, float[] sin) {
    int length = positions[first + count - 1] + 1;
    if (rope.dependsOnLength()) {
      float[] frequencies = rope.frequencies(length);
      for (int row = first; row < first + count; row++) {
        rope.fill(positions[row], frequencies, row, cos, sin);
      }
      return;
    }
    var rows = upTo(length);
    int width = rope.headDim() / 2;
    for (int row = first; row < first + count; row++) {
      System.arraycopy(rows.cos, positions[row] * width, cos, row * width, width);
      System.arraycopy(rows.sin, positions[row] * width, sin, row * width, width);
    }
  }

  private synchronized Rows upTo(int length) {
    if (known.count < length) {
      int width = rope.headDim() / 2;
      int count = Math.max(length, Math.min(2 * known.count, Integer.MAX_VALUE / width));
      float[] cos = Arrays.copyOf(known.cos, Math.multiplyExact(count, width));
      float[] sin = Arrays.copyOf(known.sin, count * width);
      float[] frequencies = rope.frequencies(count);
      for (int position = known.count; position < count; position++) {
        rope.fill(position, frequencies, position, cos, sin);
      }
      known = new Rows(count, cos, sin);
    }
    return known;
  }
}
