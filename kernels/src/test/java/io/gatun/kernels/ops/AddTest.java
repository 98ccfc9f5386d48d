package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AddTest {
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType tx : Samples.COMPUTE) {
        for (DType ty : Samples.COMPUTE) {
          for (int cols : Samples.SIZES) {
            Matrix x = Samples.random(device, tx, 13, cols, 1, arena);
            Matrix y = Samples.random(device, ty, 13, cols, 2, arena);
            double[] expected = AddReference.run(Samples.values(x), Samples.values(y));
            Add.run(x, y);
            Tolerance.of(ty, 1).check(tx + " to " + ty, expected, Samples.values(y));
            Samples.checkGuards(y);
          }
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void largeMatricesUseAllThreads(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Samples.random(device, DType.F32, 33, 8193, 1, arena);
      Matrix y = Samples.random(device, DType.F32, 33, 8193, 2, arena);
      double[] expected = AddReference.run(Samples.values(x), Samples.values(y));
      Add.run(x, y);
      Tolerance.of(DType.F32, 1).check("sum", expected, Samples.values(y));
      Samples.checkGuards(y);
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix none = Matrix.allocate(device, "none", DType.F32, 0, 13, arena);
      Add.run(none, none);
      Matrix x = Matrix.allocate(device, "x", DType.BF16, 1, 3, arena);
      Matrix y = Matrix.allocate(device, "y", DType.BF16, 1, 3, arena);
      HostCopy.write(x, new float[] {Float.NaN, Float.POSITIVE_INFINITY, 0});
      Add.run(x, y);
      float[] sum = HostCopy.readFloats(y);
      assertEquals(Float.NaN, sum[0]);
      assertEquals(Float.POSITIVE_INFINITY, sum[1]);
      assertEquals(0f, sum[2]);
      var e = assertThrows(IllegalArgumentException.class, () -> Add.run(none, y));
      assertEquals("add: ySum is 1x3 BF16, must be 0x13 BF16", e.getMessage());
    });
  }

  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.BF16, 3, 2056, arena);
      Matrix y = Matrix.allocate(device, "y", DType.F32, 3, 2056, arena);
      Traffic.count(device, () -> Add.run(x, y));
      Traffic.readsOnce(x);
      Traffic.readsOnce(y);
      Traffic.writesOnce(y);
    });
  }
}
