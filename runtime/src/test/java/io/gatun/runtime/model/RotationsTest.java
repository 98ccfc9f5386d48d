package io.gatun.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Rows that are kept are those of the table, whatever was asked for before. */
class RotationsTest {
  private static final int HALF = 8;

  private static void check(RopeTable rope, Rotations rotations, int before, int[] positions) {
    int rows = before + positions.length;
    int[] all = new int[rows];
    System.arraycopy(positions, 0, all, before, positions.length);
    float[] cos = new float[rows * HALF];
    float[] sin = new float[rows * HALF];
    rotations.fill(all, before, positions.length, cos, sin);
    float[] expectedCos = new float[rows * HALF];
    float[] expectedSin = new float[rows * HALF];
    float[] frequencies = rope.frequencies(Arrays.stream(positions).max().orElseThrow() + 1);
    for (int i = before; i < rows; i++) {
      rope.fill(all[i], frequencies, i, expectedCos, expectedSin);
    }
    assertArrayEquals(expectedCos, cos);
    assertArrayEquals(expectedSin, sin);
  }

  private static void checkAll(RopeTable rope) {
    var rotations = new Rotations(rope);
    check(rope, rotations, 0, new int[] {0, 1, 2});
    check(rope, rotations, 2, new int[] {5, 6});
    check(rope, rotations, 0, new int[] {1});
    check(rope, rotations, 1, new int[] {97, 98, 99, 100});
  }

  @Test
  void positionsInAnyOrderOfPasses() {
    checkAll(new RopeTable(10000, 2 * HALF, new RopeScaling.None()));
    checkAll(new RopeTable(500000, 2 * HALF, new RopeScaling.Llama3(8, 1, 4, 64)));
  }

  @Test
  void frequenciesThatDependOnTheLength() {
    checkAll(new RopeTable(10000, 2 * HALF, new RopeScaling.Dynamic(4, 64)));
  }
}
