package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SoftCapTest {
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int cols : Samples.SIZES) {
          for (float cap : new float[] {0.25f, 30}) {
            Matrix x = Samples.random(device, dtype, 13, cols, 1, arena);
            var expected = SoftCapReference.run(Samples.values(x), cap);
            SoftCap.run(x, cap);
            Tolerance.of(dtype, 1).check(dtype + " cap " + cap, expected, Samples.values(x));
            Samples.checkGuards(x);
          }
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 1, 5, arena);
      float infinity = Float.POSITIVE_INFINITY;
      HostCopy.write(x, new float[] {0, Float.NaN, infinity, -infinity, -1e-30f});
      SoftCap.run(x, 1);
      assertArrayEquals(new float[] {0, Float.NaN, 1, -1, -1e-30f}, HostCopy.readFloats(x));
      SoftCap.run(x.rowSlice(0, 0), 1);
      assertThrows(IllegalArgumentException.class, () -> SoftCap.run(x, 0));
    });
  }

  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 3, 2056, arena);
      Traffic.count(device, () -> SoftCap.run(x, 1));
      Traffic.readsOnce(x);
      Traffic.writesOnce(x);
    });
  }
}
