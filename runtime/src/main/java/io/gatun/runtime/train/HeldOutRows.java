package io.gatun.runtime.train;

import java.util.Arrays;
import java.util.BitSet;

/** Chooses which rows of a file are held out. */
final class HeldOutRows {
  private HeldOutRows() {}

  /**
   * The rows at the end of a shuffled order that depends on the seed and the number of rows alone.
   *
   * @param name what messages call the rows
   * @param rows their number
   * @param share of them to hold out, above 0 and below 1; at least one row is, and one stays
   * @param seed of the order
   * @return their indices
   * @throws DatasetException where there is only one row
   */
  static BitSet choose(String name, int rows, double share, long seed) {
    if (!(share > 0 && share < 1)) {
      throw new IllegalArgumentException(
          "The share of rows to hold out lies between 0 and 1, not " + share + ".");
    }
    if (rows < 2) {
      throw new DatasetException(
          name + " holds one row, so none can be held out; give held-out rows a file.");
    }
    int count = Math.min((int) Math.ceil(share * rows), rows - 1);
    int[] order = EpochOrder.shuffled(seed, EpochOrder.SPLIT, rows);
    var held = new BitSet();
    Arrays.stream(order, rows - count, rows).forEach(held::set);
    return held;
  }
}
