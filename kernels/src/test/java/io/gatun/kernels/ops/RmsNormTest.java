package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RmsNormTest {
  private static final float EPS = 1e-5f;
  private static final int ROWS = 13;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void forwardEqualsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int n : Samples.SIZES) {
          for (int groups : new int[] {1, 3}) {
            Matrix x = Samples.random(device, dtype, ROWS, groups * n, 1, arena);
            Matrix gamma = Samples.random(device, DType.F32, 1, n, 2, arena);
            Matrix y = Samples.guarded(device, dtype, ROWS, groups * n, arena);
            Matrix rstd = Samples.guarded(device, DType.F32, ROWS, groups, arena);
            for (float offset : new float[] {0, 1}) {
              RmsNorm.forward(x, gamma, offset, EPS, y, rstd);
              double[] values = Samples.values(x);
              double[] scale = Samples.values(gamma);
              var expected = RmsNormReference.forward(values, scale, offset, EPS);
              var once = Tolerance.of(dtype, n);
              var tolerance = offset == 0 ? once.after(Tolerance.of(dtype, 1)) : once;
              tolerance.check("y", expected, Samples.values(y));
              Tolerance.of(DType.F32, n)
                  .check("rstd", RmsNormReference.rstd(values, n, EPS), Samples.values(rstd));
            }
            Samples.checkGuards(y);
            Samples.checkGuards(rstd);
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
        for (int n : Samples.SIZES) {
          for (int groups : new int[] {1, 3}) {
            Matrix x = Samples.random(device, dtype, ROWS, groups * n, 1, arena);
            Matrix dy = Samples.random(device, dtype, ROWS, groups * n, 3, arena);
            Matrix gamma = Samples.random(device, DType.F32, 1, n, 2, arena);
            Matrix sum = Samples.random(device, dtype, ROWS, groups * n, 4, arena);
            Matrix rstd = Samples.guarded(device, DType.F32, ROWS, groups, arena);
            RmsNorm.forward(x, gamma, 1, EPS, sum, rstd);
            double[] d = Samples.values(dy);
            double[] v = Samples.values(x);
            double[] scale = Samples.values(gamma);
            var expected = RmsNormReference.backward(d, v, scale, 1, EPS);
            var terms = RmsNormReference.terms(d, v, scale, 1, EPS);
            var added = AddReference.run(expected, Samples.values(sum));
            RmsNorm.backwardSum(dy, x, gamma, 1, rstd, sum);
            Tolerance.of(dtype, n).check("dxSum", added, Samples.values(sum), terms);
            RmsNorm.backward(dy, x, gamma, 1, rstd, dy);
            Tolerance.of(dtype, n).check("dx in place", expected, Samples.values(dy), terms);
            Samples.checkGuards(dy);
            Samples.checkGuards(sum);
          }
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void backwardEqualsFiniteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
      int n = 13;
      Matrix x = Samples.random(device, DType.F32, 3, 2 * n, 1, arena);
      Matrix dy = Samples.random(device, DType.F32, 3, 2 * n, 3, arena);
      Matrix gamma = Samples.random(device, DType.F32, 1, n, 2, arena);
      Matrix dx = Samples.guarded(device, DType.F32, 3, 2 * n, arena);
      Matrix rstd = Samples.guarded(device, DType.F32, 3, 2, arena);
      RmsNorm.forward(x, gamma, 1, EPS, dx, rstd);
      RmsNorm.backward(dy, x, gamma, 1, rstd, dx);
      double[] scale = Samples.values(gamma);
      var expected =
          FiniteDifferences.gradient(
              v -> RmsNormReference.forward(v, scale, 1, EPS),
              Samples.values(x),
              Samples.values(dy));
      Tolerance.of(DType.F32, n).check("dx", expected, Samples.values(dx));
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.F32, 2, 4, arena);
      Matrix gamma = Matrix.allocate(device, "gamma", DType.F32, 1, 4, arena);
      Matrix rstd = Matrix.allocate(device, "rstd", DType.F32, 2, 1, arena);
      HostCopy.write(gamma, new float[] {1, 1, 1, 1});
      HostCopy.write(x, new float[] {0, 0, 0, 0, 1, Float.NaN, 1, 1});
      Matrix y = Matrix.allocate(device, "y", DType.F32, 2, 4, arena);
      RmsNorm.forward(x, gamma, 0, EPS, y, rstd);
      assertArrayEquals(new float[4], HostCopy.readFloats(y.rowSlice(0, 1)));
      assertTrue(Float.isFinite(HostCopy.readFloats(rstd)[0]));
      for (float v : HostCopy.readFloats(y.rowSlice(1, 1))) {
        assertEquals(Float.NaN, v);
      }
      RmsNorm.forward(x.rowSlice(0, 0), gamma, 0, EPS, y.rowSlice(0, 0), rstd.rowSlice(0, 0));
      Matrix wide = Matrix.allocate(device, "wide", DType.F32, 1, 3, arena);
      var e =
          assertThrows(
              IllegalArgumentException.class, () -> RmsNorm.forward(x, wide, 0, EPS, y, rstd));
      assertEquals(
          "rms_norm: gamma is 1x3 F32, x has 4 columns; they must be a multiple of gamma's",
          e.getMessage());
    });
  }

  /**
   * Heads and rows as wide as one thread each, a warp, a block and more than its registers hold.
   */
  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      for (int n : new int[] {8, 128, 1024, 2048}) {
        Matrix x = Matrix.allocate(device, "x", DType.BF16, 3, 2 * n, arena);
        Matrix dy = Matrix.allocate(device, "dy", DType.BF16, 3, 2 * n, arena);
        Matrix y = Matrix.allocate(device, "y", DType.BF16, 3, 2 * n, arena);
        Matrix gamma = Matrix.allocate(device, "gamma", DType.F32, 1, n, arena);
        Matrix rstd = Matrix.allocate(device, "rstd", DType.F32, 3, 2, arena);
        Traffic.count(device, () -> RmsNorm.forward(x, gamma, 0, EPS, y, rstd));
        Traffic.readsOnce(x);
        Traffic.readsOften(gamma);
        Traffic.writesOnce(y);
        Traffic.count(device, () -> RmsNorm.backwardSum(dy, x, gamma, 0, rstd, y));
        Traffic.readsOnce(x);
        Traffic.readsOnce(dy);
        Traffic.readsOften(gamma);
        Traffic.readsOnce(y);
        Traffic.writesOnce(y);
      }
    });
  }

  /** Groups of a warp, of a block, and longer than its registers hold; whole pieces and not. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void longRows(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int n : new int[] {128, 1024, 1032, 1033, 8192 + 24}) {
          Matrix x = Samples.whole(device, dtype, 1, 2 * n, 1, arena);
          Matrix dy = Samples.whole(device, dtype, 1, 2 * n, 2, arena);
          Matrix y = Samples.whole(device, dtype, 1, 2 * n, 3, arena);
          Matrix gamma = Samples.whole(device, DType.F32, 1, n, 4, arena);
          Matrix rstd = Matrix.allocate(device, "rstd", DType.F32, 1, 2, arena);
          double[] d = Samples.values(dy);
          double[] v = Samples.values(x);
          double[] scale = Samples.values(gamma);
          RmsNorm.forward(x, gamma, 0, EPS, y, rstd);
          Tolerance.of(dtype, n)
              .after(Tolerance.of(dtype, 1))
              .check("y", RmsNormReference.forward(v, scale, 0, EPS), Samples.values(y));
          RmsNorm.backward(dy, x, gamma, 0, rstd, dy);
          var expected = RmsNormReference.backward(d, v, scale, 0, EPS);
          var terms = RmsNormReference.terms(d, v, scale, 0, EPS);
          Tolerance.of(dtype, n).check("dx", expected, Samples.values(dy), terms);
        }
      }
    });
  }
}
