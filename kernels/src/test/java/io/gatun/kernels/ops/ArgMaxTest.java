package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ArgMaxTest {
  private static int[] found(Matrix x, int count, Device device, Arena arena) {
    Ints found = Ints.allocate(device, "found", x.rows(), arena);
    ArgMax.run(x, count, found);
    return HostCopy.readInts(found);
  }

  /** Rows longer than what a block looks at together; of five numbers many are equal. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (int cols : new int[] {1, 13, 207, 8205}) {
        for (int count : new int[] {1, (cols + 1) / 2, cols}) {
          Matrix x = Samples.random(device, DType.F32, 3, cols, 1, arena);
          assertArrayEquals(
              ArgMaxReference.run(Samples.values(x), cols, count), found(x, count, device, arena));
          Matrix five = Matrix.allocate(device, "five", DType.F32, 3, cols, arena);
          var values = new float[3 * cols];
          int[] below = Samples.below(2, values.length, 5);
          for (int i = 0; i < values.length; i++) {
            values[i] = below[i] - 7;
          }
          HostCopy.write(five, values);
          assertArrayEquals(
              ArgMaxReference.run(Samples.values(five), cols, count),
              found(five, count, device, arena));
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void nanNeverWinsAndTheFirstOfEqualsDoes(Devices.Place place) {
    float nan = Float.NaN;
    float lost = Float.NEGATIVE_INFINITY;
    float[][] rows = {
      {nan, nan, nan, nan},
      {nan, lost, nan, lost},
      {lost, lost, nan, lost},
      {-0f, 0f, nan, -1},
      {nan, -2, -1, -1},
      {nan, 3, Float.POSITIVE_INFINITY, Float.POSITIVE_INFINITY},
      {1, 2, 2, -nan},
      {-Float.MIN_VALUE, lost, -Float.MIN_VALUE, -1},
    };
    place.run((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.F32, rows.length, 5, arena);
      for (int i = 0; i < rows.length; i++) {
        float[] more = Arrays.copyOf(rows[i], 5);
        more[4] = Float.POSITIVE_INFINITY; // never looked at
        HostCopy.write(x.rowSlice(i, 1), more);
      }
      assertArrayEquals(new int[] {0, 1, 0, 0, 2, 2, 1, 0}, found(x, 4, device, arena));
      Matrix none = x.rowSlice(0, 0);
      assertEquals(0, found(none, 4, device, arena).length);
      Ints found = Ints.allocate(device, "found", rows.length, arena);
      var e = assertThrows(IllegalArgumentException.class, () -> ArgMax.run(x, 6, found));
      assertEquals("arg_max: 6 columns of 8x5 F32", e.getMessage());
      assertThrows(IllegalArgumentException.class, () -> ArgMax.run(x, 0, found));
    });
  }

  @Test
  void memoryIsReadOnce() {
    Devices.emulator((device, arena) -> {
      Matrix x = Samples.whole(device, DType.F32, 2, 9000, 1, arena);
      Ints found = Ints.allocate(device, "found", 2, arena);
      Traffic.count(device, () -> ArgMax.run(x, 9000, found));
      Traffic.readsOnce(x);
    });
  }
}
