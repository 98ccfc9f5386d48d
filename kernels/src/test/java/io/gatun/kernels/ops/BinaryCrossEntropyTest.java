package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class BinaryCrossEntropyTest {
  private static final int ROWS = 13;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int cols : Samples.SIZES) {
          Matrix z = Samples.random(device, dtype, ROWS, cols, 1, arena);
          Matrix targets = targets(device, ROWS, cols, arena);
          Matrix weights = Samples.random(device, DType.F32, ROWS, 1, 2, arena);
          Matrix loss = Samples.guarded(device, DType.F32, ROWS, 1, arena);
          double[] x = Samples.values(z);
          double[] t = Samples.values(targets);
          double[] w = Samples.values(weights);
          BinaryCrossEntropy.run(z, targets, weights, loss);
          var expected = BinaryCrossEntropyReference.loss(x, t, cols, w);
          Tolerance.of(DType.F32, cols).check("loss", expected, Samples.values(loss));
          var gradient = BinaryCrossEntropyReference.gradient(x, t, cols, w);
          var terms = BinaryCrossEntropyReference.terms(x, t, cols, w);
          Tolerance.of(dtype, 1).check("gradient", gradient, Samples.values(z), terms);
          for (Matrix m : new Matrix[] {z, targets, weights, loss}) {
            Samples.checkGuards(m);
          }
        }
      }
    });
  }

  /** A third of them 0, a third 1, the others between. */
  private static Matrix targets(Device device, int rows, int cols, Arena arena) {
    var random = new Random(3);
    var values = new float[rows * cols];
    for (int i = 0; i < values.length; i++) {
      int kind = random.nextInt(3);
      values[i] = kind == 2 ? random.nextFloat() : kind;
    }
    return Samples.strided(device, DType.F32, rows, cols, values, arena);
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void gradientEqualsFiniteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix z = Samples.random(device, DType.F32, 3, 13, 1, arena);
      Matrix targets = targets(device, 3, 13, arena);
      Matrix weights = Samples.random(device, DType.F32, 3, 1, 2, arena);
      Matrix loss = Samples.guarded(device, DType.F32, 3, 1, arena);
      double[] t = Samples.values(targets);
      double[] w = Samples.values(weights);
      var expected =
          FiniteDifferences.gradient(
              v -> BinaryCrossEntropyReference.loss(v, t, 13, w),
              Samples.values(z),
              new double[] {1, 1, 1});
      BinaryCrossEntropy.run(z, targets, weights, loss);
      Tolerance.of(DType.F32, 1).check("gradient", expected, Samples.values(z));
    });
  }

  /**
   * Logits that are sure, rightly and wrongly, each held against its own size: 0 and 1 are never
   * subtracted from what rounds to them.
   */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void keepsItsDigitsAtExtremeLogits(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix z = Matrix.allocate(device, "z", DType.F32, 1, 1, arena);
      Matrix t = Matrix.allocate(device, "t", DType.F32, 1, 1, arena);
      Matrix one = Matrix.allocate(device, "one", DType.F32, 1, 1, arena);
      Matrix loss = Matrix.allocate(device, "loss", DType.F32, 1, 1, arena);
      HostCopy.write(one, new float[] {1});
      for (float logit : new float[] {0, -0f, 1, -9, 20, -40, 80, -80, 1e30f, -1e30f}) {
        for (float target : new float[] {0, 1, 0.25f}) {
          String what = "logit %s, target %s".formatted(logit, target);
          double[] x = {logit};
          double[] y = {target};
          double[] w = {1};
          HostCopy.write(z, new float[] {logit});
          HostCopy.write(t, new float[] {target});
          BinaryCrossEntropy.run(z, t, one, loss);
          var tolerance = Tolerance.of(DType.F32, 1);
          var expected = BinaryCrossEntropyReference.loss(x, y, 1, w);
          tolerance.check(what, expected, Samples.values(loss));
          var gradient = BinaryCrossEntropyReference.gradient(x, y, 1, w);
          tolerance.check(what + " gradient", gradient, Samples.values(z));
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      float nan = Float.NaN;
      Matrix z = Matrix.allocate(device, "z", DType.F32, 2, 2, arena);
      Matrix targets = Matrix.allocate(device, "targets", DType.F32, 2, 2, arena);
      Matrix weights = Matrix.allocate(device, "weights", DType.F32, 2, 1, arena);
      Matrix loss = Matrix.allocate(device, "loss", DType.F32, 2, 1, arena);
      HostCopy.write(z, new float[] {nan, 0, 5, -5});
      HostCopy.write(weights, new float[] {1, 0});
      HostCopy.write(targets, new float[] {1, 0, 1, 1});
      BinaryCrossEntropy.run(z, targets, weights, loss);
      assertArrayEquals(new float[] {nan, 0}, HostCopy.readFloats(loss));
      assertArrayEquals(new double[] {nan, 0.25, 0, 0}, absolute(Samples.values(z)));
      BinaryCrossEntropy.run(
          z.rowSlice(0, 0), targets.rowSlice(0, 0), weights.rowSlice(0, 0), loss.rowSlice(0, 0));
    });
  }

  private static double[] absolute(double[] values) {
    return Arrays.stream(values).map(Math::abs).toArray();
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void refusesWhatDoesNotFit(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix z = Matrix.allocate(device, "z", DType.BF16, 2, 3, arena);
      Matrix targets = Matrix.allocate(device, "targets", DType.F32, 2, 3, arena);
      Matrix column = Matrix.allocate(device, "column", DType.F32, 2, 1, arena);
      for (float wrong : new float[] {-0.1f, 1.5f, Float.NaN}) {
        HostCopy.write(targets.rowSlice(1, 1).colSlice(2, 1), new float[] {wrong});
        var e =
            assertThrows(
                DeviceException.class,
                () -> {
                  BinaryCrossEntropy.run(z, targets, column, column);
                  device.synchronize();
                });
        assertTrue(
            e.getMessage().startsWith("binary_cross_entropy: a target is not from 0 to 1 ("),
            e.getMessage());
      }
      assertArrayEquals(new float[6], HostCopy.readFloats(z));
      Matrix none = z.colSlice(0, 0);
      var e =
          assertThrows(
              IllegalArgumentException.class,
              () -> BinaryCrossEntropy.run(none, targets, column, column));
      assertEquals(
          "binary_cross_entropy: logits is 2x0 BF16, must have at least 1 column", e.getMessage());
      e =
          assertThrows(
              IllegalArgumentException.class,
              () -> BinaryCrossEntropy.run(z, targets.colSlice(0, 2), column, column));
      assertEquals("binary_cross_entropy: targets is 2x2 F32, must be 2x3 F32", e.getMessage());
    });
  }

  /** The targets twice: nothing is written before all are known to be right. */
  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      for (int cols : new int[] {8, 2048}) {
        Matrix z = Matrix.allocate(device, "z", DType.BF16, 9, cols, arena);
        Matrix targets = Matrix.allocate(device, "targets", DType.F32, 9, cols, arena);
        Matrix column = Matrix.allocate(device, "column", DType.F32, 9, 1, arena);
        Traffic.count(device, () -> BinaryCrossEntropy.run(z, targets, column, column));
        Traffic.readsOnce(z);
        Traffic.writesOnce(z);
      }
    });
  }
}
