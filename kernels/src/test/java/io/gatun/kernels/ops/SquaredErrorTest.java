package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SquaredErrorTest {
  private static final int ROWS = 13;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int cols : Samples.SIZES) {
          Matrix z = Samples.random(device, dtype, ROWS, cols, 1, arena);
          Matrix targets = Samples.random(device, DType.F32, ROWS, cols, 3, arena);
          Matrix weights = Samples.random(device, DType.F32, ROWS, 1, 2, arena);
          Matrix loss = Samples.guarded(device, DType.F32, ROWS, 1, arena);
          double[] x = Samples.values(z);
          double[] t = Samples.values(targets);
          double[] w = Samples.values(weights);
          SquaredError.run(z, targets, weights, loss);
          var expected = SquaredErrorReference.loss(x, t, cols, w);
          Tolerance.of(DType.F32, cols).check("loss", expected, Samples.values(loss));
          var gradient = SquaredErrorReference.gradient(x, t, cols, w);
          Tolerance.of(dtype, 1).check("gradient", gradient, Samples.values(z));
          for (Matrix m : new Matrix[] {z, targets, weights, loss}) {
            Samples.checkGuards(m);
          }
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void gradientEqualsFiniteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix z = Samples.random(device, DType.F32, 3, 13, 1, arena);
      Matrix targets = Samples.random(device, DType.F32, 3, 13, 3, arena);
      Matrix weights = Samples.random(device, DType.F32, 3, 1, 2, arena);
      Matrix loss = Samples.guarded(device, DType.F32, 3, 1, arena);
      double[] t = Samples.values(targets);
      double[] w = Samples.values(weights);
      var expected =
          FiniteDifferences.gradient(
              v -> SquaredErrorReference.loss(v, t, 13, w),
              Samples.values(z),
              new double[] {1, 1, 1});
      SquaredError.run(z, targets, weights, loss);
      Tolerance.of(DType.F32, 1).check("gradient", expected, Samples.values(z));
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      float nan = Float.NaN;
      float infinity = Float.POSITIVE_INFINITY;
      Matrix z = Matrix.allocate(device, "z", DType.F32, 3, 2, arena);
      Matrix targets = Matrix.allocate(device, "targets", DType.F32, 3, 2, arena);
      Matrix weights = Matrix.allocate(device, "weights", DType.F32, 3, 1, arena);
      Matrix loss = Matrix.allocate(device, "loss", DType.F32, 3, 1, arena);
      HostCopy.write(z, new float[] {nan, 1, 1e30f, 2, 7, -3});
      HostCopy.write(targets, new float[] {0, 0, 0, 1, 7, -3});
      HostCopy.write(weights, new float[] {1, 2, 1});
      SquaredError.run(z, targets, weights, loss);
      assertArrayEquals(new float[] {nan, infinity, 0}, HostCopy.readFloats(loss));
      assertArrayEquals(new float[] {nan, 1, 2e30f, 2, 0, 0}, HostCopy.readFloats(z));
      SquaredError.run(
          z.rowSlice(0, 0), targets.rowSlice(0, 0), weights.rowSlice(0, 0), loss.rowSlice(0, 0));
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void refusesWhatDoesNotFit(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix z = Matrix.allocate(device, "z", DType.F32, 2, 1, arena);
      Matrix half = Matrix.allocate(device, "half", DType.BF16, 2, 1, arena);
      var e = assertThrows(IllegalArgumentException.class, () -> SquaredError.run(z, half, z, z));
      assertEquals("squared_error: targets is 2x1 BF16, must be 2x1 F32", e.getMessage());
      Matrix none = z.colSlice(0, 0);
      e = assertThrows(IllegalArgumentException.class, () -> SquaredError.run(none, none, z, z));
      assertEquals("squared_error: z is 2x0 F32, must have at least 1 column", e.getMessage());
    });
  }

  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      for (int cols : new int[] {8, 2048}) {
        Matrix z = Matrix.allocate(device, "z", DType.BF16, 9, cols, arena);
        Matrix targets = Matrix.allocate(device, "targets", DType.F32, 9, cols, arena);
        Matrix column = Matrix.allocate(device, "column", DType.F32, 9, 1, arena);
        Traffic.count(device, () -> SquaredError.run(z, targets, column, column));
        Traffic.readsOnce(z);
        Traffic.readsOnce(targets);
        Traffic.writesOnce(z);
      }
    });
  }
}
