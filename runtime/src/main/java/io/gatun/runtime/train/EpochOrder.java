package io.gatun.runtime.train;

import io.gatun.kernels.Philox;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * The order of rows in an epoch: each row draws 64 random bits from (seed, epoch, row) and rows
 * stand in the order of what they drew. It depends on nothing else, so any epoch can be asked for
 * first.
 */
final class EpochOrder {
  /** Stands for an epoch where rows are held out, so that no epoch has the same order. */
  static final int SPLIT = -1;

  private EpochOrder() {}

  /**
   * A shuffled order.
   *
   * @param seed of the run
   * @param epoch from 0
   * @param rows number of rows
   * @return the row at each place
   */
  static int[] shuffled(long seed, int epoch, int rows) {
    long[] draw = new long[rows];
    for (int row = 0; row < rows; row++) {
      int[] words = Philox.words(seed, row, 0, epoch, Philox.Purpose.SHUFFLE.ordinal());
      draw[row] = (long) words[0] << 32 | words[1] & 0xFFFFFFFFL;
    }
    return IntStream.range(0, rows)
        .boxed()
        .sorted(Comparator.comparingLong(row -> draw[row]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /**
   * The order of the file.
   *
   * @param rows number of rows
   * @return 0, 1, 2, …
   */
  static int[] sequential(int rows) {
    return IntStream.range(0, rows).toArray();
  }
}
