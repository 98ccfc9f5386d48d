package io.gatun.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.Segment;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BatchTest {

  /** The ids 0 to common - 1, then the tail; the last token of the tail is labelled. */
  private static Sequence row(int common, int firstToken, int... tail) {
    int[] ids = IntStream.concat(IntStream.range(0, common), IntStream.of(tail)).toArray();
    float[] weights = new float[ids.length];
    weights[ids.length - 1] = 1;
    return new Sequence(ids, weights, firstToken);
  }

  @Test
  void packsOneAfterTheOther() {
    var batch = Batch.pack(List.of(row(2, 10, 7), row(1, 20, 8, 9)), true);
    assertArrayEquals(new int[] {0, 1, 7, 0, 8, 9}, batch.ids());
    assertEquals(List.of(Segment.of(0, 3), Segment.of(3, 3)), batch.segments());
    assertArrayEquals(new int[] {10, 11, 12, 20, 21, 22}, batch.tokenIndex());
    assertArrayEquals(new int[] {1, 4}, batch.labelRows());
    assertArrayEquals(new int[] {7, 9}, batch.labels());
    assertArrayEquals(new float[] {1, 1}, batch.labelWeights());
    assertFalse(batch.sharesPrefix());
  }

  @Test
  void theLastCommonTokenStaysWithEachRow() {
    var batch = Batch.pack(List.of(row(10, 0, 50), row(10, 0, 60, 61)), true);
    assertTrue(batch.sharesPrefix());
    assertEquals(9 + 2 + 3, batch.tokens());
    assertEquals(
        List.of(
            new Segment(0, 9, 0, 9, Segment.NO_PARENT),
            new Segment(9, 2, 9, 2, 0),
            new Segment(11, 3, 11, 3, 0)),
        batch.segments());
    assertArrayEquals(new int[] {9, 12}, batch.labelRows());
    assertArrayEquals(new int[] {50, 61}, batch.labels());
    assertEquals(24, Batch.pack(List.of(row(10, 0, 50), row(10, 0, 60, 61)), false).tokens() + 1);
  }

  @Test
  void aSharedLabelCountsForEachRowThatHasIt() {
    var a = row(10, 0, 50);
    var b = row(10, 0, 60);
    a.weights()[4] = 1;
    b.weights()[4] = 2;
    a.weights()[9] = 0.5f;
    var batch = Batch.pack(List.of(a, b), true);
    assertArrayEquals(new int[] {3, 8, 9, 11}, batch.labelRows());
    assertArrayEquals(new int[] {4, 9, 50, 60}, batch.labels());
    assertArrayEquals(new float[] {3, 0.5f, 1, 1}, batch.labelWeights());
  }

  @Test
  void aRowThatIsThePrefixKeepsItsLastToken() {
    var batch = Batch.pack(List.of(row(12, 0), row(12, 0, 60)), true);
    assertEquals(11 + 1 + 2, batch.tokens());
    assertArrayEquals(new int[] {10, 12}, batch.labelRows());
    assertArrayEquals(new int[] {11, 60}, batch.labels());
  }

  @Test
  void shortBeginningsAndSingleRowsAreNotShared() {
    assertFalse(
        Batch.pack(
                List.of(row(Batch.SHORTEST_PREFIX, 0, 1), row(Batch.SHORTEST_PREFIX, 0, 2)), true)
            .sharesPrefix());
    assertFalse(Batch.pack(List.of(row(30, 0, 1)), true).sharesPrefix());
  }

  @Test
  void refusesNothing() {
    assertThrows(IllegalArgumentException.class, () -> Batch.pack(List.of(), false));
    assertThrows(
        IllegalArgumentException.class, () -> new Sequence(new int[] {1, 2}, new float[] {1}));
    assertThrows(IllegalArgumentException.class, () -> Sequence.unlabelled());
  }
}
