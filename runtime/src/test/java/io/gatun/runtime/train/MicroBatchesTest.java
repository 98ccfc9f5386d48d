package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MicroBatchesTest {
  /** A row that begins with {@code prefix} tokens of a kind and ends with tokens of its own. */
  private static int[] row(int kind, int prefix, int own, int tokens) {
    return IntStream.range(0, prefix + tokens)
        .map(i -> i < prefix ? 1000 * kind + i : 1_000_000 + 1000 * own + i)
        .toArray();
  }

  @Test
  void withoutSharingRowsArePackedBestFit() {
    List<int[]> rows = List.of(row(1, 10, 1, 2), row(1, 10, 2, 5), row(1, 10, 3, 3));
    assertEquals(List.of(List.of(1, 0), List.of(2)), MicroBatches.cut(rows, 27, false));
    assertEquals(List.of(List.of(1), List.of(2), List.of(0)), MicroBatches.cut(rows, 1, false));
  }

  @Test
  void rowsThatBeginAlikeStandTogether() {
    List<int[]> rows = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      rows.add(row(i % 2, 90, i, 5));
    }
    var cut = MicroBatches.cut(rows, 200, true);
    assertEquals(List.of(List.of(0, 2, 4, 6, 8, 10), List.of(1, 3, 5, 7, 9, 11)), cut);
    assertEquals(6, MicroBatches.cut(rows, 200, false).size());
  }

  @Test
  void sharedRowsFillTheBudgetAndNoMore() {
    List<int[]> rows = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      rows.add(row(7, 50, i, 9));
    }
    // 49 common tokens once, then 10 for each row
    assertEquals(List.of(5, 5), MicroBatches.cut(rows, 99, true).stream().map(List::size).toList());
    assertEquals(
        List.of(4, 4, 2), MicroBatches.cut(rows, 98, true).stream().map(List::size).toList());
  }

  @Test
  void rowsWithNothingInCommonArePackedAsUsual() {
    List<int[]> rows = IntStream.range(0, 9).mapToObj(i -> row(i, 20, i, i)).toList();
    assertEquals(MicroBatches.cut(rows, 60, false), MicroBatches.cut(rows, 60, true));
  }

  @Test
  void everyRowIsInExactlyOneMicroBatch() {
    List<int[]> rows = IntStream.range(0, 40).mapToObj(i -> row(i % 3, 11, i, i % 7)).toList();
    for (int budget : new int[] {1, 13, 40, 1000}) {
      for (boolean share : new boolean[] {false, true}) {
        List<Integer> all = new ArrayList<>();
        MicroBatches.cut(rows, budget, share).forEach(all::addAll);
        Collections.sort(all);
        assertEquals(IntStream.range(0, 40).boxed().toList(), all);
      }
    }
  }
}
