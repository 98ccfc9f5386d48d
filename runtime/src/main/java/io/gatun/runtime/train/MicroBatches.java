package io.gatun.runtime.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Cuts the rows of an optimizer step into micro-batches of at most so many computed tokens. */
final class MicroBatches {
  /** A common beginning is computed once where it is longer than this; as Batch.pack decides. */
  private static final int SHORTEST_PREFIX = 8;

  private MicroBatches() {}

  /**
   * The cut. Where beginnings may be shared, rows with a common beginning stand together if that
   * leaves fewer tokens to compute. A row longer than the budget has a micro-batch of its own.
   *
   * @param rows tokens of each row
   * @param budget computed tokens of a micro-batch, positive
   * @param share whether the common beginning of a micro-batch is computed once
   * @return the rows of each micro-batch
   */
  static List<List<Integer>> cut(List<int[]> rows, int budget, boolean share) {
    int[] lengths = rows.stream().mapToInt(row -> row.length).toArray();
    var packed = Packing.bestFitDecreasing(lengths, budget);
    if (!share) {
      return packed;
    }
    var sharing = byBeginning(rows, budget);
    long saved =
        IntStream.of(lengths).asLongStream().sum()
            - sharing.stream().mapToLong(Group::computed).sum();
    return saved > 0 ? sharing.stream().map(Group::rows).toList() : packed;
  }

  /** Rows that begin alike. */
  private record Group(List<Integer> rows, long tokens, int common) {
    static Group of(List<int[]> all, int row) {
      return new Group(List.of(row), all.get(row).length, all.get(row).length);
    }

    /** This group and a row that comes after its last in the order of tokens. */
    Group plus(List<int[]> all, int row) {
      int[] ids = all.get(row);
      int mismatch = Arrays.mismatch(all.get(rows.getLast()), ids);
      List<Integer> longer = new ArrayList<>(rows);
      longer.add(row);
      return new Group(
          longer, tokens + ids.length, mismatch < 0 ? common : Math.min(common, mismatch));
    }

    /** Tokens to compute: the last common token stays with each row. */
    long computed() {
      long shared = rows.size() > 1 && common > SHORTEST_PREFIX ? common - 1 : 0;
      return tokens - (rows.size() - 1) * shared;
    }
  }

  /** Rows in the order of their tokens, cut where the next one does not fit or ends the sharing. */
  private static List<Group> byBeginning(List<int[]> rows, int budget) {
    List<Integer> order =
        IntStream.range(0, rows.size())
            .boxed()
            .sorted(Comparator.comparing(rows::get, Arrays::compare))
            .toList();
    List<Group> groups = new ArrayList<>();
    Group open = Group.of(rows, order.getFirst());
    for (int row : order.subList(1, order.size())) {
      Group longer = open.plus(rows, row);
      if (longer.computed() > budget
          || longer.computed() > open.computed() + rows.get(row).length) {
        groups.add(open);
        longer = Group.of(rows, row);
      }
      open = longer;
    }
    groups.add(open);
    return groups;
  }
}
