package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LinearGradientTest {
  private static final int[][] ROWS_OUT_IN = {
    {1, 1, 1}, {13, 2, 207}, {65, 207, 13}, {207, 33, 65}, {300, 65, 1}, {129, 1, 33}
  };

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int[] shape : ROWS_OUT_IN) {
          check(device, dtype, shape[0], shape[1], shape[2], arena);
        }
      }
    });
  }

  /** More outputs than are turned over at once, and more rows of them than fit the scratch. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void moreThanTheScratchHolds(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        boolean gpu = place instanceof Devices.Gpu;
        check(device, dtype, gpu ? 40 : 1600, gpu ? 150 : 2049, 3, arena);
      }
    });
  }

  private static void check(Device device, DType dtype, int rows, int out, int in, Arena arena) {
    Matrix dy = Samples.random(device, dtype, rows, out, 1, arena);
    Matrix x = Samples.random(device, dtype, rows, in, 2, arena);
    Matrix dw = Samples.random(device, DType.F32, out, in, 3, arena);
    Matrix db = Samples.random(device, DType.F32, 1, out, 4, arena);
    double[] d = Samples.values(dy);
    var weight = LinearGradientReference.weight(d, Samples.values(x), rows, in, out);
    var bias = LinearGradientReference.bias(d, out);
    var dwExpected = AddReference.run(weight, Samples.values(dw));
    var dbExpected = AddReference.run(bias, Samples.values(db));
    LinearGradient.run(dy, x, dw, db);
    String what = "%s %dx%d of %d rows ".formatted(dtype, out, in, rows);
    var tolerance = Tolerance.of(DType.F32, rows);
    tolerance.check(what + "dw", dwExpected, Samples.values(dw), weight);
    tolerance.check(what + "db", dbExpected, Samples.values(db), bias);
    for (Matrix m : new Matrix[] {dy, x, dw, db}) {
      Samples.checkGuards(m);
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsFiniteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
      int rows = 13;
      int in = 5;
      int out = 3;
      Matrix dy = Samples.random(device, DType.F32, rows, out, 1, arena);
      Matrix x = Samples.random(device, DType.F32, rows, in, 2, arena);
      Matrix all = Matrix.allocate(device, "all", DType.F32, 1, out * in + out, arena);
      Matrix dw = Matrix.of(all.buffer(), 0, DType.F32, out, in);
      LinearGradient.run(dy, x, dw, all.colSlice(out * in, out));
      var expected =
          FiniteDifferences.gradient(
              p -> LinearGradientReference.layer(Samples.values(x), p, rows, in, out),
              DoubleStream.generate(() -> 1).limit(out * in + out).toArray(),
              Samples.values(dy));
      Tolerance.of(DType.F32, rows).check("dw, db", expected, Samples.values(all));
    });
  }

  @Test
  void bitsDoNotDependOnThreads() {
    for (CpuVariant variant : CpuVariant.available()) {
      for (DType dtype : Samples.COMPUTE) {
        List<float[]> one = onThreads(variant, 1, dtype);
        for (int threads : new int[] {2, 3, 7}) {
          List<float[]> many = onThreads(variant, threads, dtype);
          for (int i = 0; i < one.size(); i++) {
            assertArrayEquals(one.get(i), many.get(i), variant + " " + dtype + " " + threads);
          }
        }
      }
    }
  }

  private static List<float[]> onThreads(CpuVariant variant, int threads, DType dtype) {
    var written = new ArrayList<float[]>();
    new Devices.Choice(variant, threads)
        .run((device, arena) -> {
          Matrix dy = Samples.random(device, dtype, 1000, 300, 1, arena);
          Matrix x = Samples.random(device, dtype, 1000, 200, 2, arena);
          Matrix dw = Samples.random(device, DType.F32, 300, 200, 3, arena);
          Matrix db = Samples.random(device, DType.F32, 1, 300, 4, arena);
          LinearGradient.run(dy, x, dw, db);
          written.add(HostCopy.readFloats(dw));
          written.add(HostCopy.readFloats(db));
        });
    return written;
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      float nan = Float.NaN;
      for (DType dtype : Samples.COMPUTE) {
        Matrix dy = Matrix.allocate(device, "dy", dtype, 2, 3, arena);
        Matrix x = Matrix.allocate(device, "x", dtype, 2, 2, arena);
        Matrix dw = Matrix.allocate(device, "dw", DType.F32, 3, 2, arena);
        Matrix db = Matrix.allocate(device, "db", DType.F32, 1, 3, arena);
        HostCopy.write(dy, new float[] {1, nan, 0, 2, 0, 0});
        HostCopy.write(x, new float[] {1, 2, 4, 8});
        HostCopy.write(dw, new float[] {100, 0, 0, 0, 5, 7});
        LinearGradient.run(dy, x, dw, db);
        assertArrayEquals(new float[] {109, 18, nan, nan, 5, 7}, HostCopy.readFloats(dw));
        assertArrayEquals(new float[] {3, nan, 0}, HostCopy.readFloats(db));
        LinearGradient.run(dy.rowSlice(0, 0), x.rowSlice(0, 0), dw, db);
        LinearGradient.run(dy.colSlice(0, 0), x, dw.rowSlice(0, 0), db.colSlice(0, 0));
        LinearGradient.run(dy, x.colSlice(0, 0), dw.colSlice(0, 0), db);
        assertArrayEquals(new float[] {109, 18, nan, nan, 5, 7}, HostCopy.readFloats(dw));
        assertArrayEquals(new float[] {6, nan, 0}, HostCopy.readFloats(db));
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void refusesWhatDoesNotFit(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix dy = Matrix.allocate(device, "dy", DType.BF16, 4, 3, arena);
      Matrix x = Matrix.allocate(device, "x", DType.F32, 4, 2, arena);
      Matrix dw = Matrix.allocate(device, "dw", DType.F32, 3, 2, arena);
      Matrix db = Matrix.allocate(device, "db", DType.F32, 1, 3, arena);
      var e = assertThrows(IllegalArgumentException.class, () -> LinearGradient.run(dy, x, dw, db));
      assertEquals("linear_gradient: x is 4x2 F32, must be 4x2 BF16", e.getMessage());
      e = assertThrows(IllegalArgumentException.class, () -> LinearGradient.run(x, x, dw, db));
      assertEquals("linear_gradient: dwSum is 3x2 F32, must be 2x2 F32", e.getMessage());
    });
  }
}
