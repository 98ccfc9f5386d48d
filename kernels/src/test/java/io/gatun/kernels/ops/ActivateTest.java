package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.Activation;
import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ActivateTest {
  private static final int ROWS = 13;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (Activation f : Activation.values()) {
        for (DType dtype : Samples.COMPUTE) {
          for (int cols : Samples.SIZES) {
            Matrix x = Samples.random(device, dtype, ROWS, cols, 1, arena);
            Matrix dy = Samples.random(device, dtype, ROWS, cols, 2, arena);
            Matrix y = Samples.guarded(device, dtype, ROWS, cols, arena);
            double[] at = Samples.values(x);
            double[] d = Samples.values(dy);
            String what = f + " " + dtype;
            Activate.forward(f, x, y);
            var expected = ActivateReference.forward(f, at);
            Tolerance.of(dtype, 1).check(what, expected, Samples.values(y));
            Activate.backward(f, x, dy, dy);
            var gradient = ActivateReference.backward(f, at, d);
            Tolerance.of(dtype, 1).check(what + " backward", gradient, Samples.values(dy));
            Activate.forward(f, x, x);
            assertArrayEquals(Samples.values(y), Samples.values(x), what + " in place");
            for (Matrix m : new Matrix[] {x, y, dy}) {
              Samples.checkGuards(m);
            }
          }
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void backwardEqualsFiniteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
      for (Activation f : Activation.values()) {
        Matrix x = Samples.random(device, DType.F32, 3, 13, 1, arena);
        Matrix dy = Samples.random(device, DType.F32, 3, 13, 2, arena);
        var expected =
            FiniteDifferences.gradient(
                v -> ActivateReference.forward(f, v), Samples.values(x), Samples.values(dy));
        Activate.backward(f, x, dy, x);
        Tolerance.of(DType.F32, 1).check(f.name(), expected, Samples.values(x));
      }
    });
  }

  /** From -30 to 30 in steps of 1/64: both tails and every branch of the approximations. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void wholeRange(Devices.Place place) {
    place.run((device, arena) -> {
      int count = 30 * 2 * 64;
      var values = new float[count];
      var ones = new float[count];
      Arrays.fill(ones, 1);
      for (int i = 0; i < count; i++) {
        values[i] = i / 64f - 30;
      }
      Matrix x = Samples.strided(device, DType.F32, 1, count, values, arena);
      Matrix y = Samples.guarded(device, DType.F32, 1, count, arena);
      double[] at = Samples.values(x);
      for (Activation f : Activation.values()) {
        Activate.forward(f, x, y);
        var tolerance = Tolerance.of(DType.F32, 1);
        tolerance.check(f.name(), ActivateReference.forward(f, at), Samples.values(y));
        HostCopy.write(y, ones);
        double[] d = Samples.values(y);
        Activate.backward(f, x, y, y);
        tolerance.check(f + "'", ActivateReference.backward(f, at, d), Samples.values(y));
      }
    });
  }

  /** Each number alone, so that it is held against its own size. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      float max = Float.MAX_VALUE;
      Matrix x = Matrix.allocate(device, "x", DType.F32, 1, 1, arena);
      Matrix y = Matrix.allocate(device, "y", DType.F32, 1, 1, arena);
      for (Activation f : Activation.values()) {
        for (float v : new float[] {0, -0f, Float.NaN, 1e-30f, -1e-30f, 1e20f, -1e20f, max, -max}) {
          String what = "%s of %s".formatted(f, v);
          double[] at = {v};
          HostCopy.write(x, new float[] {v});
          Activate.forward(f, x, y);
          var tolerance = Tolerance.of(DType.F32, 1);
          tolerance.check(what, ActivateReference.forward(f, at), Samples.values(y));
          HostCopy.write(y, new float[] {1});
          Activate.backward(f, x, y, y);
          var slope = ActivateReference.backward(f, at, new double[] {1});
          tolerance.check("slope of " + what, slope, Samples.values(y));
        }
        Matrix none = x.rowSlice(0, 0);
        Activate.forward(f, none, none);
        Activate.backward(f, none, none, none);
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void refusesWhatDoesNotFit(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 2, 4, arena);
      Matrix half = Matrix.allocate(device, "half", DType.BF16, 2, 4, arena);
      var e =
          assertThrows(
              IllegalArgumentException.class, () -> Activate.forward(Activation.RELU, x, half));
      assertEquals("activate: y is 2x4 BF16, must be 2x4 F32", e.getMessage());
      Matrix few = x.rowSlice(0, 1);
      e =
          assertThrows(
              IllegalArgumentException.class, () -> Activate.backward(Activation.RELU, x, few, x));
      assertEquals("activate: dy is 1x4 F32, must be 2x4 F32", e.getMessage());
    });
  }

  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.BF16, 3, 2056, arena);
      Matrix y = Matrix.allocate(device, "y", DType.BF16, 3, 2056, arena);
      for (Activation f : Activation.values()) {
        Traffic.count(device, () -> Activate.forward(f, x, y));
        Traffic.readsOnce(x);
        Traffic.writesOnce(y);
        Traffic.count(device, () -> Activate.backward(f, x, y, y));
        Traffic.readsOnce(x);
        Traffic.readsOnce(y);
        Traffic.writesOnce(y);
      }
    });
  }
}
