package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class KvAppendTest {
  private static final int[] ROWS = {6, 0, 12, 3, 2};

  /** Columns of wider matrices too; the rows that are not named stay. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      Ints rows = Samples.ints(device, ROWS, arena);
      for (DType dtype : Samples.COMPUTE) {
        for (int cols : Samples.SIZES) {
          Matrix both = Samples.random(device, dtype, ROWS.length, 2 * cols + 3, 1, arena);
          Matrix k = both.colSlice(2, cols);
          Matrix v = Samples.random(device, dtype, ROWS.length, cols, 2, arena);
          Matrix cache = Samples.random(device, dtype, 13, 2 * cols, 3, arena);
          var expected =
              KvAppendReference.run(
                  Samples.values(k), Samples.values(v), cols, ROWS, Samples.values(cache));
          KvAppend.run(k, v, rows, cache);
          assertArrayEquals(expected, Samples.values(cache), dtype + " of " + cols);
          Samples.checkGuards(cache);
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix k = Samples.random(device, DType.F32, 2, 4, 1, arena);
      Matrix cache = Matrix.allocate(device, "cache", DType.F32, 3, 8, arena);
      Matrix none = k.rowSlice(0, 0);
      KvAppend.run(none, none, Ints.allocate(device, "no rows", 0, arena), cache);
      for (int wrong : new int[] {-1, 3, Integer.MIN_VALUE}) {
        Ints rows = Samples.ints(device, new int[] {1, wrong}, arena);
        var e =
            assertThrows(
                DeviceException.class,
                () -> {
                  KvAppend.run(k, k, rows, cache);
                  device.synchronize();
                });
        assertTrue(e.getMessage().startsWith("kv_append: an id, label"), e.getMessage());
      }
      assertArrayEquals(new float[8], HostCopy.readFloats(cache.rowSlice(2, 1)));
      Ints rows = Samples.ints(device, new int[] {1, 0}, arena);
      var e =
          assertThrows(
              IllegalArgumentException.class, () -> KvAppend.run(k, k, rows, cache.colSlice(0, 7)));
      assertEquals("kv_append: cache is 3x7 F32, must be 3x8 F32", e.getMessage());
    });
  }

  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      Matrix k = Matrix.allocate(device, "k", DType.BF16, 3, 1032, arena);
      Matrix v = Matrix.allocate(device, "v", DType.BF16, 3, 1032, arena);
      Matrix cache = Matrix.allocate(device, "cache", DType.BF16, 3, 2064, arena);
      Ints rows = Samples.ints(device, new int[] {2, 0, 1}, arena);
      Traffic.count(device, () -> KvAppend.run(k, v, rows, cache));
      Traffic.readsOnce(k);
      Traffic.readsOnce(v);
      Traffic.writesOnce(cache);
    });
  }
}
