package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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

class EmbeddingTest {
  private static final int ENTRIES = 13;
  private static final float SCALE = 24;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void forwardEqualsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType from : Samples.COMPUTE) {
        for (DType to : Samples.COMPUTE) {
          for (int cols : Samples.SIZES) {
            Matrix table = Samples.random(device, from, ENTRIES, cols, 1, arena);
            int[] ids = Samples.below(2, 65, ENTRIES);
            Matrix y = Samples.guarded(device, to, ids.length, cols, arena);
            Embedding.forward(table, Samples.ints(device, ids, arena), SCALE, y);
            var expected = EmbeddingReference.forward(Samples.values(table), cols, ids, SCALE);
            Tolerance.of(to, 1).check(from + " to " + to, expected, Samples.values(y));
            Samples.checkGuards(y);
          }
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void backwardEqualsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int cols : Samples.SIZES) {
          int[] ids = Samples.below(2, 65, ENTRIES);
          Matrix dy = Samples.random(device, dtype, ids.length, cols, 1, arena);
          Matrix sum = Samples.random(device, DType.F32, ENTRIES, cols, 3, arena);
          var expected =
              EmbeddingReference.backward(
                  Samples.values(dy), cols, ids, SCALE, Samples.values(sum));
          Embedding.backward(dy, Samples.ints(device, ids, arena), SCALE, sum);
          Tolerance.of(DType.F32, ids.length).check("dTable", expected, Samples.values(sum));
          Samples.checkGuards(sum);
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void scatterUndoesGather(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Samples.random(device, DType.BF16, 5, 33, 1, arena);
      Ints rows = Samples.ints(device, new int[] {4, 2, 0, 1, 3}, arena);
      Matrix gathered = Matrix.allocate(device, "gathered", DType.BF16, 5, 33, arena);
      Matrix back = Matrix.allocate(device, "back", DType.BF16, 5, 33, arena);
      Embedding.forward(x, rows, 1, gathered);
      Embedding.backward(gathered, rows, 1, back);
      assertArrayEquals(HostCopy.readFloats(x), HostCopy.readFloats(back));
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix table = Samples.random(device, DType.F32, 3, 4, 1, arena);
      Matrix y = Matrix.allocate(device, "y", DType.F32, 2, 4, arena);
      Embedding.forward(table, Ints.allocate(device, "no ids", 0, arena), 1, y.rowSlice(0, 0));
      for (int wrong : new int[] {-1, 3, Integer.MIN_VALUE}) {
        Ints ids = Samples.ints(device, new int[] {0, wrong}, arena);
        var e =
            assertThrows(
                DeviceException.class,
                () -> {
                  Embedding.forward(table, ids, 1, y);
                  device.synchronize();
                });
        assertTrue(
            e.getMessage().startsWith("embedding_forward: an id, label or segment lies outside"),
            e.getMessage());
        device.synchronize();
        assertThrows(
            DeviceException.class,
            () -> {
              Embedding.backward(y, ids, 1, table);
              HostCopy.readFloats(table);
            });
      }
      Matrix left = place instanceof Devices.Gpu ? y.rowSlice(1, 1) : y;
      assertArrayEquals(new float[4 * left.rows()], HostCopy.readFloats(left));
      Ints three = Ints.allocate(device, "three", 3, arena);
      assertThrows(IllegalArgumentException.class, () -> Embedding.forward(table, three, 1, y));
    });
  }

  /**
   * More rows than a block has threads, and wider rows than it works on, each with one id often.
   */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void rowsOfOneIdAreAddedInOrder(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int[] shape : new int[][] {{300, 17}, {5, 2072}}) {
          int rows = shape[0];
          int cols = shape[1];
          int[] ids = Samples.below(2, rows, 2);
          Matrix dy = Samples.whole(device, DType.BF16, rows, cols, 1, arena);
          Matrix sum = Samples.whole(device, dtype, 2, cols, 3, arena);
          float[] d = HostCopy.readFloats(dy);
          float[] expected = HostCopy.readFloats(sum);
          for (int i = 0; i < d.length; i++) {
            int at = ids[i / cols] * cols + i % cols;
            float added = expected[at] + 2 * d[i];
            expected[at] =
                dtype == DType.F32 ? added : Float.intBitsToFloat(HostCopy.bf16(added) << 16);
          }
          Embedding.backward(dy, Samples.ints(device, ids, arena), 2, sum);
          assertArrayEquals(expected, HostCopy.readFloats(sum));
        }
      }
    });
  }

  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      Matrix table = Matrix.allocate(device, "table", DType.BF16, 3, 2056, arena);
      Matrix y = Matrix.allocate(device, "y", DType.BF16, 3, 2056, arena);
      Ints ids = Samples.ints(device, new int[] {2, 0, 1}, arena);
      Traffic.count(device, () -> Embedding.forward(table, ids, 1, y));
      Traffic.readsOnce(table);
      Traffic.writesOnce(y);
      Traffic.count(device, () -> Embedding.backward(y, ids, 1, table));
      Traffic.readsOnce(y);
      Traffic.readsOnce(table);
      Traffic.writesOnce(table);
    });
  }
}
