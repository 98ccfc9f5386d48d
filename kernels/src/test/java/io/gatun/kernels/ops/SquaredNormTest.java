package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SquaredNormTest {
  /**
   * Whole numbers, so that every order of summation gives the same bits and the answer is exact.
   */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int rows : new int[] {1, 13}) {
          for (int cols : new int[] {1, 13, 33, 65, 207, 8193}) {
            var values = new float[rows * cols];
            int[] whole = Samples.below(1, values.length, 256);
            for (int i = 0; i < values.length; i++) {
              values[i] = whole[i] - 128;
            }
            Matrix x = Samples.strided(device, dtype, rows, cols, values, arena);
            assertEquals(SquaredNormReference.run(Samples.values(x)), SquaredNorm.run(x));
          }
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 1, 2, arena);
      assertEquals(0.0, SquaredNorm.run(x));
      assertEquals(0.0, SquaredNorm.run(x.rowSlice(0, 0)));
      HostCopy.write(x, new float[] {1e30f, -1e30f});
      double large = 1e30f;
      assertEquals(2 * large * large, SquaredNorm.run(x), "no overflow of F32");
      HostCopy.write(x, new float[] {Float.NaN, 1});
      assertEquals(Double.NaN, SquaredNorm.run(x));
      Matrix half = Matrix.allocate(device, "half", DType.F16, 1, 2, arena);
      assertThrows(IllegalArgumentException.class, () -> SquaredNorm.run(half));
    });
  }

  /** More spans than parts, so that parts have several. */
  @Test
  void memoryIsReadOnce() {
    Devices.emulator((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.BF16, 515, 8, arena);
      Traffic.count(device, () -> assertEquals(0.0, SquaredNorm.run(x)));
      Traffic.readsOnce(x);
    });
  }
}
