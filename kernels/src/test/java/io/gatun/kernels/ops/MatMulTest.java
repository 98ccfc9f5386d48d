package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Weight;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class MatMulTest {
  private static final DType[] COMPUTE = {DType.F32, DType.BF16};

  /**
   * Sizes below, at and beyond a tile, a panel and the depth of a panel; odd ones, and ones of the
   * tiled layout.
   */
  private static final int[][] SHAPES = {
    {1, 1, 1},
    {1, 13, 7},
    {2, 64, 16},
    {3, 33, 65},
    {5, 192, 207},
    {8, 64, 130},
    {9, 128, 64},
    {13, 65, 33},
    {13, 207, 63},
    {49, 130, 13},
    {33, 1153, 67},
    {10, 1088, 48},
    {207, 13, 129}
  };

  /** For the emulator, which takes its time. */
  private static final int[][] GPU_SHAPES = {{1, 1, 1}, {3, 33, 13}, {9, 128, 17}};

  /** Every kind of weight that has this shape. */
  private static List<Weight> weights(Device device, int out, int in, Arena arena) {
    var list = new ArrayList<Weight>();
    for (DType dtype : DType.values()) {
      list.add(Samples.random(device, dtype, out, in, 7, arena));
    }
    for (Layout layout : Layout.values()) {
      for (boolean nested : new boolean[] {false, true}) {
        if (layout.takes(in, 64)) {
          list.add(bands(device, Code.NF4, 64, out, in, layout, nested, arena));
        }
      }
    }
    list.add(bands(device, Code.FP4, 32, out, in, Layout.FILE, true, arena));
    if (Layout.TILED.takes(in, 128)) {
      list.add(bands(device, Code.FP4, 128, out, in, Layout.TILED, true, arena));
    }
    return list;
  }

  /** Bands of a third of the rows, one row less, and the rest, with different recorded types. */
  static Nf4Matrix bands(
      Device device,
      Code code,
      int blockSize,
      int out,
      int in,
      Layout layout,
      boolean nested,
      Arena arena) {
    int third = Math.ceilDiv(out, 3);
    int second = Math.max(0, Math.min(third - 1, out - third));
    int[] rows = {third, second, out - third - second};
    var bands = new ArrayList<Nf4Matrix.Band>();
    for (int i = 0; i < 3; i++) {
      DType recorded = DType.values()[i];
      bands.add(
          Weights.quantized(
              device, code, blockSize, rows[i], in, recorded, layout, nested, 11 + i, arena));
    }
    return Nf4Matrix.of(bands);
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void forwardEqualsReference(Devices.Place place) {
    eachCase(
        place,
        (device, shape, compute, w, arena) -> {
          Matrix x = Samples.random(device, compute, shape[0], shape[1], 1, arena);
          checkForward(device, x, w, Weights.values(w, x.dtype(), arena), arena);
        });
  }

  static void checkForward(Device device, Matrix x, Weight w, double[] values, Arena arena) {
    int rows = x.rows();
    int in = x.cols();
    int out = w.rows();
    double[] product = MatMulReference.forward(Samples.values(x), values, rows, in, out);
    for (DType result : COMPUTE) {
      var tolerance = Tolerance.of(result, in);
      String what = x.shape() + " to " + result + " " + w.rows() + " " + kind(w);
      Matrix y = Samples.guarded(device, result, rows, out, arena);
      MatMul.forward(x, w, y);
      tolerance.check(what, product, Samples.values(y));
      Samples.checkGuards(y);

      Matrix bias = Samples.random(device, DType.F32, 1, out, 3, arena);
      MatMul.forward(x, w, bias, y);
      double[] b = Samples.values(bias);
      double[] biased =
          IntStream.range(0, rows * out).mapToDouble(i -> product[i] + b[i % out]).toArray();
      tolerance.check(what + " bias", biased, Samples.values(y));

      double[] before = Samples.values(y);
      MatMul.forwardSum(x, w, y);
      double[] sum =
          IntStream.range(0, rows * out).mapToDouble(i -> before[i] + product[i]).toArray();
      tolerance.check(what + " sum", sum, Samples.values(y));
      Samples.checkGuards(y);
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void backwardEqualsReference(Devices.Place place) {
    eachCase(
        place,
        (device, shape, compute, w, arena) -> {
          int rows = shape[0];
          int in = shape[1];
          int out = shape[2];
          Matrix dy = Samples.random(device, compute, rows, out, 1, arena);
          double[] product =
              MatMulReference.backward(
                  Samples.values(dy), Weights.values(w, compute, arena), rows, in, out);
          for (DType result : COMPUTE) {
            String what =
                compute
                    + " to "
                    + result
                    + " "
                    + String.join("x", rows + "", in + "", out + "")
                    + " "
                    + kind(w);
            Matrix dx = Samples.guarded(device, result, rows, in, arena);
            MatMul.backward(dy, w, dx);
            Tolerance.of(result, out).check(what, product, Samples.values(dx));
            double[] before = Samples.values(dx);
            MatMul.backwardSum(dy, w, dx);
            for (int i = 0; i < before.length; i++) {
              before[i] += product[i];
            }
            Tolerance.of(result, out).check(what + " sum", before, Samples.values(dx));
            Samples.checkGuards(dx);
          }
        });
  }

  private interface Case {
    void run(Device device, int[] shape, DType compute, Weight w, Arena arena);
  }

  private static void eachCase(Devices.Place place, Case test) {
    place.run((device, ignored) -> {
      for (int[] shape : place instanceof Devices.Gpu ? GPU_SHAPES : SHAPES) {
        try (Arena arena = Arena.ofConfined()) {
          for (Weight w : weights(device, shape[2], shape[1], arena)) {
            for (DType compute : COMPUTE) {
              test.run(device, shape, compute, w, arena);
            }
          }
        }
      }
    });
  }

  private static String kind(Weight w) {
    return switch (w) {
      case Matrix m -> m.dtype().toString();
      case Nf4Matrix m -> m.bands().getFirst().code() + " " + m.bands().getFirst().layout();
    };
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void bitsDependOnNeitherThreadsNorRows(Devices.Choice choice) {
    choice.run((device, arena) -> {
      int rows = 97;
      int in = 1216;
      int out = 200;
      for (DType compute : COMPUTE) {
        Weight w = Weights.nf4(device, out, in, 5, arena);
        Matrix x = Samples.random(device, compute, rows, in, 1, arena);
        Matrix y = Matrix.allocate(device, "y", compute, rows, out, arena);
        MatMul.forward(x, w, y);
        Matrix some = Matrix.allocate(device, "y", compute, 20, out, arena);
        MatMul.forward(x.rowSlice(40, 20), w, some);
        assertArrayEquals(
            HostCopy.readFloats(y.rowSlice(40, 20)), HostCopy.readFloats(some), "rows");
        try (Device one = Device.cpu(1, choice.variant());
            Arena there = Arena.ofConfined()) {
          Weight w1 = Weights.nf4(one, out, in, 5, there);
          Matrix x1 = Samples.random(one, compute, rows, in, 1, there);
          Matrix y1 = Matrix.allocate(one, "y", compute, rows, out, there);
          MatMul.forward(x1, w1, y1);
          assertArrayEquals(HostCopy.readFloats(y1), HostCopy.readFloats(y), "threads");
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void decodedInPackingEqualsDecodedBefore(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType compute : COMPUTE) {
        Nf4Matrix w = bands(device, Code.NF4, 64, 150, 192, Layout.TILED, true, arena);
        Matrix decoded = Matrix.allocate(device, "w", compute, 150, 192, arena);
        Nf4Dequantize.run(w, decoded);
        Matrix x = Samples.random(device, compute, 20, 192, 1, arena);
        Matrix y = Matrix.allocate(device, "y", DType.F32, 20, 150, arena);
        Matrix expected = Matrix.allocate(device, "y", DType.F32, 20, 150, arena);
        MatMul.forward(x, w, y);
        MatMul.forward(x, decoded, expected);
        assertArrayEquals(HostCopy.readFloats(expected), HostCopy.readFloats(y), "forward");
        Matrix dx = Matrix.allocate(device, "dx", DType.F32, 20, 192, arena);
        Matrix expectedDx = Matrix.allocate(device, "dx", DType.F32, 20, 192, arena);
        MatMul.backward(y.dtype() == compute ? y : cast(y, compute, arena), w, dx);
        MatMul.backward(y.dtype() == compute ? y : cast(y, compute, arena), decoded, expectedDx);
        assertArrayEquals(HostCopy.readFloats(expectedDx), HostCopy.readFloats(dx), "backward");
      }
    });
  }

  private static Matrix cast(Matrix m, DType dtype, Arena arena) {
    Matrix to = Matrix.allocate(m.buffer().device(), "cast", dtype, m.rows(), m.cols(), arena);
    HostCopy.write(to, HostCopy.readFloats(m));
    return to;
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType compute : COMPUTE) {
        Matrix x = Samples.random(device, compute, 10, 64, 1, arena);
        float[] values = HostCopy.readFloats(x);
        values[3 * 64 + 5] = Float.NaN;
        values[4 * 64 + 6] = Float.POSITIVE_INFINITY;
        HostCopy.write(x, values);
        Matrix w = Samples.random(device, DType.F32, 70, 64, 2, arena);
        Matrix y = Matrix.allocate(device, "y", compute, 10, 70, arena);
        MatMul.forward(x, w, y);
        float[] result = HostCopy.readFloats(y);
        for (int i = 0; i < result.length; i++) {
          int row = i / 70;
          assertEquals(row == 3, Float.isNaN(result[i]), "NaN stays in its row");
          assertEquals(row == 4, Float.isInfinite(result[i]), "infinity stays in its row");
        }
        Matrix none = Matrix.allocate(device, "none", compute, 0, 64, arena);
        MatMul.forward(none, w, Matrix.allocate(device, "y", compute, 0, 70, arena));
        Matrix thin = Matrix.allocate(device, "thin", compute, 10, 0, arena);
        MatMul.forward(thin, Matrix.allocate(device, "w", DType.F32, 70, 0, arena), y);
        assertArrayEquals(new float[700], HostCopy.readFloats(y), "a sum of nothing is 0");
        var e = assertThrows(IllegalArgumentException.class, () -> MatMul.backward(x, w, y));
        assertEquals("mat_mul: the weight is 70x64, must be 64x64", e.getMessage());
      }
    });
  }
}
