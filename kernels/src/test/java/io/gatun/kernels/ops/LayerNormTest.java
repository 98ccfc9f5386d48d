package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LayerNormTest {
  private static final float EPS = 1e-12f;
  private static final int ROWS = 13;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void forwardEqualsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int n : Samples.SIZES) {
          Matrix x = Samples.random(device, dtype, ROWS, n, 1, arena);
          checkForward(x, Tolerance.of(dtype, n), arena);
        }
      }
    });
  }

  /** Means of 4096, of whose squares F32 keeps no digit of a variance of 1. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void varianceKeepsItsDigitsBesideALargeMean(Devices.Place place) {
    place.run((device, arena) -> {
      float[] values = Samples.normal(5, ROWS * 207);
      for (int i = 0; i < values.length; i++) {
        values[i] += 4096;
      }
      Matrix x = Samples.strided(device, DType.F32, ROWS, 207, values, arena);
      checkForward(x, Tolerance.of(DType.F32, 207), arena);
    });
  }

  private static void checkForward(Matrix x, Tolerance tolerance, Arena arena) {
    Device device = x.buffer().device();
    int n = x.cols();
    Matrix gamma = Samples.random(device, DType.F32, 1, n, 2, arena);
    Matrix beta = Samples.random(device, DType.F32, 1, n, 3, arena);
    Matrix y = Samples.guarded(device, x.dtype(), ROWS, n, arena);
    Matrix mean = Samples.guarded(device, DType.F32, ROWS, 1, arena);
    Matrix rstd = Samples.guarded(device, DType.F32, ROWS, 1, arena);
    double[] values = Samples.values(x);
    double[] scale = Samples.values(gamma);
    LayerNorm.forward(x, gamma, beta, EPS, y, mean, rstd);
    var sums = Tolerance.of(DType.F32, n);
    sums.check("mean", LayerNormReference.mean(values, n), Samples.values(mean));
    sums.check("rstd", LayerNormReference.rstd(values, n, EPS), Samples.values(rstd));
    var expected = LayerNormReference.forward(values, scale, Samples.values(beta), EPS);
    double[] apart = Samples.values(y);
    tolerance.check("y", expected, apart, LayerNormReference.terms(values, scale, EPS));
    LayerNorm.forward(x, gamma, beta, EPS, x, mean, rstd);
    assertArrayEquals(apart, Samples.values(x), "in place");
    for (Matrix m : new Matrix[] {x, y, mean, rstd}) {
      Samples.checkGuards(m);
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void backwardEqualsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int n : Samples.SIZES) {
          Matrix x = Samples.random(device, dtype, ROWS, n, 1, arena);
          Matrix dy = Samples.random(device, dtype, ROWS, n, 3, arena);
          Matrix gamma = Samples.random(device, DType.F32, 1, n, 2, arena);
          Matrix sum = Samples.random(device, dtype, ROWS, n, 4, arena);
          Matrix mean = Samples.guarded(device, DType.F32, ROWS, 1, arena);
          Matrix rstd = Samples.guarded(device, DType.F32, ROWS, 1, arena);
          LayerNorm.forward(x, gamma, gamma, EPS, sum, mean, rstd);
          double[] d = Samples.values(dy);
          double[] v = Samples.values(x);
          double[] scale = Samples.values(gamma);
          var expected = LayerNormReference.backward(d, v, scale, EPS);
          var terms = LayerNormReference.gradientTerms(d, v, scale, EPS);
          var added = AddReference.run(expected, Samples.values(sum));
          LayerNorm.backwardSum(dy, x, gamma, mean, rstd, sum);
          Tolerance.of(dtype, n).check("dxSum", added, Samples.values(sum), terms);
          LayerNorm.backward(dy, x, gamma, mean, rstd, dy);
          Tolerance.of(dtype, n).check("dx in place", expected, Samples.values(dy), terms);
          Samples.checkGuards(dy);
          Samples.checkGuards(sum);
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void backwardEqualsFiniteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
      int n = 13;
      Matrix x = Samples.random(device, DType.F32, 3, n, 1, arena);
      Matrix dy = Samples.random(device, DType.F32, 3, n, 3, arena);
      Matrix gamma = Samples.random(device, DType.F32, 1, n, 2, arena);
      Matrix dx = Samples.guarded(device, DType.F32, 3, n, arena);
      Matrix mean = Samples.guarded(device, DType.F32, 3, 1, arena);
      Matrix rstd = Samples.guarded(device, DType.F32, 3, 1, arena);
      LayerNorm.forward(x, gamma, gamma, EPS, dx, mean, rstd);
      LayerNorm.backward(dy, x, gamma, mean, rstd, dx);
      double[] scale = Samples.values(gamma);
      var expected =
          FiniteDifferences.gradient(
              v -> LayerNormReference.forward(v, scale, scale, EPS),
              Samples.values(x),
              Samples.values(dy));
      Tolerance.of(DType.F32, n).check("dx", expected, Samples.values(dx));
    });
  }

  /** Rows of one number each (0, 0.1, 10^15), of which y is beta to the bit, and a NaN. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      int n = 207;
      float[] rows = {0, 0.1f, 1e15f, 1};
      Matrix x = Matrix.allocate(device, "x", DType.F32, rows.length, n, arena);
      for (int i = 0; i < rows.length; i++) {
        var row = new float[n];
        Arrays.fill(row, rows[i]);
        HostCopy.write(x.rowSlice(i, 1), row);
      }
      HostCopy.write(x.rowSlice(3, 1).colSlice(100, 1), new float[] {Float.NaN});
      Matrix gamma = Samples.random(device, DType.F32, 1, n, 1, arena);
      Matrix beta = Samples.random(device, DType.F32, 1, n, 2, arena);
      Matrix y = Matrix.allocate(device, "y", DType.F32, rows.length, n, arena);
      Matrix mean = Matrix.allocate(device, "mean", DType.F32, rows.length, 1, arena);
      Matrix rstd = Matrix.allocate(device, "rstd", DType.F32, rows.length, 1, arena);
      LayerNorm.forward(x, gamma, beta, EPS, y, mean, rstd);
      for (int i = 0; i < 3; i++) {
        float[] row = HostCopy.readFloats(y.rowSlice(i, 1));
        assertArrayEquals(HostCopy.readFloats(beta), row, "row of " + rows[i]);
      }
      assertArrayEquals(new float[] {0, 0.1f, 1e15f, Float.NaN}, HostCopy.readFloats(mean));
      for (float v : HostCopy.readFloats(y.rowSlice(3, 1))) {
        assertEquals(Float.NaN, v);
      }
      LayerNorm.backward(y, x, gamma, mean, rstd, y);
      for (float v : HostCopy.readFloats(y.rowSlice(3, 1))) {
        assertEquals(Float.NaN, v);
      }
      Matrix none = x.rowSlice(0, 0);
      Matrix empty = mean.rowSlice(0, 0);
      LayerNorm.forward(none, gamma, beta, EPS, none, empty, empty);
      LayerNorm.backward(none, none, gamma, empty, empty, none);
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void refusesWhatDoesNotFit(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 2, 4, arena);
      Matrix gamma = Matrix.allocate(device, "gamma", DType.F32, 1, 4, arena);
      Matrix column = Matrix.allocate(device, "column", DType.F32, 2, 1, arena);
      Matrix narrow = gamma.colSlice(0, 3);
      var e =
          assertThrows(
              IllegalArgumentException.class,
              () -> LayerNorm.forward(x, gamma, narrow, EPS, x, column, column));
      assertEquals("layer_norm: beta is 1x3 F32, must be 1x4 F32", e.getMessage());
      Matrix empty = x.colSlice(0, 0);
      e =
          assertThrows(
              IllegalArgumentException.class,
              () -> LayerNorm.backward(empty, empty, gamma, column, column, empty));
      assertEquals("layer_norm: x is 2x0 F32, must have at least 1 column", e.getMessage());
      e =
          assertThrows(
              IllegalArgumentException.class,
              () -> LayerNorm.forward(x, gamma, gamma, -1, x, column, column));
      assertEquals("layer_norm: eps is -1.0, must not be negative (x is 2x4 F32)", e.getMessage());
    });
  }

  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      for (int n : new int[] {8, 1024, 2048}) {
        Matrix x = Matrix.allocate(device, "x", DType.BF16, 3, n, arena);
        Matrix dy = Matrix.allocate(device, "dy", DType.BF16, 3, n, arena);
        Matrix y = Matrix.allocate(device, "y", DType.BF16, 3, n, arena);
        Matrix gamma = Matrix.allocate(device, "gamma", DType.F32, 1, n, arena);
        Matrix mean = Matrix.allocate(device, "mean", DType.F32, 3, 1, arena);
        Matrix rstd = Matrix.allocate(device, "rstd", DType.F32, 3, 1, arena);
        Traffic.count(device, () -> LayerNorm.forward(x, gamma, gamma, EPS, y, mean, rstd));
        Traffic.readsOnce(x);
        Traffic.readsOften(gamma);
        Traffic.writesOnce(y);
        Traffic.count(device, () -> LayerNorm.backwardSum(dy, x, gamma, mean, rstd, y));
        Traffic.readsOnce(x);
        Traffic.readsOnce(dy);
        Traffic.readsOnce(y);
        Traffic.writesOnce(y);
      }
    });
  }

  /** Rows of a warp, of a block, and longer than its registers hold; whole pieces and not. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void longRows(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int n : new int[] {1024, 1032, 1033, 8192 + 24}) {
          Matrix x = Samples.whole(device, dtype, 2, n, 1, arena);
          Matrix dy = Samples.whole(device, dtype, 2, n, 2, arena);
          Matrix y = Samples.whole(device, dtype, 2, n, 3, arena);
          Matrix gamma = Samples.whole(device, DType.F32, 1, n, 4, arena);
          Matrix beta = Samples.whole(device, DType.F32, 1, n, 5, arena);
          Matrix mean = Matrix.allocate(device, "mean", DType.F32, 2, 1, arena);
          Matrix rstd = Matrix.allocate(device, "rstd", DType.F32, 2, 1, arena);
          double[] d = Samples.values(dy);
          double[] v = Samples.values(x);
          double[] scale = Samples.values(gamma);
          var tolerance = Tolerance.of(dtype, n);
          LayerNorm.forward(x, gamma, beta, EPS, y, mean, rstd);
          var expected = LayerNormReference.forward(v, scale, Samples.values(beta), EPS);
          tolerance.check(
              "y", expected, Samples.values(y), LayerNormReference.terms(v, scale, EPS));
          LayerNorm.backward(dy, x, gamma, mean, rstd, dy);
          var gradient = LayerNormReference.backward(d, v, scale, EPS);
          var terms = LayerNormReference.gradientTerms(d, v, scale, EPS);
          tolerance.check("dx", gradient, Samples.values(dy), terms);
        }
      }
    });
  }
}
