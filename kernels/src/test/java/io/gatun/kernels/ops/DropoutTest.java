package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class DropoutTest {
  private static final DropoutKey KEY = new DropoutKey(0x123456789abcdef0L, 7, 42);
  private static final float P = 0.3f;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      int[] tokens = Samples.below(5, 13, 100_000);
      Ints index = Samples.ints(device, tokens, arena);
      for (DType dtype : Samples.COMPUTE) {
        for (int cols : Samples.SIZES) {
          Matrix x = Samples.random(device, dtype, 13, cols, 1, arena);
          Matrix sum = Samples.random(device, dtype, 13, cols, 2, arena);
          var expected = DropoutReference.run(Samples.values(x), cols, KEY, tokens, P);
          var added = AddReference.run(expected, Samples.values(sum));
          Dropout.backwardSum(x, KEY, index, P, sum);
          Tolerance.of(dtype, 1).check("sum", added, Samples.values(sum));
          Dropout.forward(x, KEY, index, P, x);
          Tolerance.of(dtype, 1).check("in place", expected, Samples.values(x));
          Samples.checkGuards(x);
          Samples.checkGuards(sum);
        }
      }
    });
  }

  /** The mask is linear in its input: its gradient is itself. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void backwardUsesTheMaskOfForward(Devices.Place place) {
    place.run((device, arena) -> {
      int[] tokens = {0, 1, 2};
      Ints index = Samples.ints(device, tokens, arena);
      Matrix x = Samples.random(device, DType.F32, 3, 13, 1, arena);
      Matrix dy = Samples.random(device, DType.F32, 3, 13, 2, arena);
      Matrix dx = Matrix.allocate(device, "dx", DType.F32, 3, 13, arena);
      Dropout.backwardSum(dy, KEY, index, P, dx);
      var expected =
          FiniteDifferences.gradient(
              v -> DropoutReference.run(v, 13, KEY, tokens, P),
              Samples.values(x),
              Samples.values(dy));
      Tolerance.of(DType.F32, 1).check("dx", expected, Samples.values(dx));
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void maskBelongsToTokenStepTensorAndSeed(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix ones = Matrix.allocate(device, "ones", DType.F32, 2, 207, arena);
      float[] all = new float[2 * 207];
      Arrays.fill(all, 1);
      HostCopy.write(ones, all);
      Matrix y = Matrix.allocate(device, "y", DType.F32, 2, 207, arena);
      Dropout.forward(ones, KEY, Samples.ints(device, new int[] {3, 4}, arena), P, y);
      float[] three = HostCopy.readFloats(y.rowSlice(0, 1));
      Dropout.forward(ones, KEY, Samples.ints(device, new int[] {9, 3}, arena), P, y);
      assertArrayEquals(three, HostCopy.readFloats(y.rowSlice(1, 1)));
      Ints same = Samples.ints(device, new int[] {3, 3}, arena);
      for (var other :
          new DropoutKey[] {
            new DropoutKey(KEY.seed() + 1, 7, 42),
            new DropoutKey(KEY.seed() + (1L << 32), 7, 42),
            new DropoutKey(KEY.seed(), 8, 42),
            new DropoutKey(KEY.seed(), 7, 43)
          }) {
        Dropout.forward(ones, other, same, P, y);
        assertTrue(!Arrays.equals(three, HostCopy.readFloats(y.rowSlice(0, 1))), other.toString());
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Samples.random(device, DType.F32, 2, 33, 1, arena);
      Matrix y = Matrix.allocate(device, "y", DType.F32, 2, 33, arena);
      Ints index = Samples.ints(device, new int[] {0, -1}, arena);
      Dropout.forward(x, KEY, index, 0, y);
      assertArrayEquals(HostCopy.readFloats(x), HostCopy.readFloats(y));
      float[] nans = new float[66];
      Arrays.fill(nans, Float.NaN);
      HostCopy.write(x, nans);
      Dropout.forward(x, KEY, index, 0.5f, y);
      int[] tokens = {0, -1};
      double[] kept = DropoutReference.run(Samples.values(x), 33, KEY, tokens, 0.5);
      float[] values = HostCopy.readFloats(y);
      for (int i = 0; i < values.length; i++) {
        assertEquals(kept[i], values[i], "a dropped NaN is zero, a kept one stays");
      }
      Dropout.forward(x.rowSlice(0, 0), KEY, index.slice(0, 0), P, y.rowSlice(0, 0));
      for (float wrong : new float[] {-0.1f, 1, Float.NaN}) {
        assertThrows(
            IllegalArgumentException.class, () -> Dropout.forward(x, KEY, index, wrong, y));
      }
    });
  }

  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.BF16, 3, 2056, arena);
      Matrix y = Matrix.allocate(device, "y", DType.BF16, 3, 2056, arena);
      Ints index = Samples.ints(device, new int[] {0, 1, 2}, arena);
      Traffic.count(device, () -> Dropout.forward(x, KEY, index, P, y));
      Traffic.readsOnce(x);
      Traffic.writesOnce(y);
      Traffic.count(device, () -> Dropout.backwardSum(x, KEY, index, P, y));
      Traffic.readsOnce(x);
      Traffic.readsOnce(y);
      Traffic.writesOnce(y);
    });
  }

  /** Wider than a block, and aligned: every device keeps the features that the reference keeps. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void wideRows(Devices.Place place) {
    place.run((device, arena) -> {
      Ints index = Samples.ints(device, new int[] {5, -7}, arena);
      for (DType dtype : Samples.COMPUTE) {
        Matrix x = Samples.whole(device, dtype, 2, 2064, 1, arena);
        int[] tokens = {5, -7};
        var expected = DropoutReference.run(Samples.values(x), 2064, KEY, tokens, P);
        Dropout.forward(x, KEY, index, P, x);
        Tolerance.of(dtype, 1).check("y", expected, Samples.values(x));
      }
    });
  }
}
