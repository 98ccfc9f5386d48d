package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Operands of a product with adapters on a device. */
record LoraCase(
    Device device,
    DType compute,
    int tokens,
    int in,
    int out,
    Matrix x,
    Matrix xa,
    Weight w,
    List<LoraRows> rows,
    Matrix t,
    Arena arena) {
  static final DType[] COMPUTE = {DType.F32, DType.BF16};

  /**
   * Rows, in, and the rows and ranks of two adapters' siblings (out of the weight; the last rows
   * have none).
   */
  static final int[][] SHAPES = {
    {1, 64, 1, 16, 16, 16},
    {9, 13, 7, 3, 5, 1},
    {33, 192, 128, 16, 64, 8},
    {207, 65, 33, 5, 40, 16},
    {70, 1153, 70, 4, 1, 1}
  };

  /** For the emulator, which takes its time. */
  static final int[][] GPU_SHAPES = {
    {1, 64, 1, 16, 16, 16}, {9, 13, 7, 3, 5, 1}, {13, 192, 40, 16, 20, 8}
  };

  double[] values(Matrix m) {
    return Samples.values(m);
  }

  double[] weight() {
    return Weights.values(w, compute, arena);
  }

  double[] rounded(double[] values) {
    var floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    Matrix m = Matrix.allocate(device, "rounded", compute, 1, values.length, arena);
    HostCopy.write(m, floats);
    return Samples.values(m);
  }

  double[] a(LoraFactors f) {
    return rounded(values(f.a()));
  }

  /** scale * B of all siblings at their places in an (out, ranks) matrix. */
  double[] b(LoraFactors f) {
    int ranks = f.a().rows();
    var all = new double[out * ranks];
    for (Sibling s : f.siblings()) {
      double[] b = values(s.b());
      int rank = s.b().cols();
      for (int i = 0; i < b.length; i++) {
        float scaled = (float) b[i] * s.scale();
        all[(s.firstRow() + i / rank) * ranks + s.firstRank() + i % rank] = scaled;
      }
    }
    return rounded(all);
  }

  static LoraFactors factors(
      Device device, int[] shape, int in, float scale, long seed, Arena arena) {
    int rank0 = shape[3];
    int rank1 = shape[5];
    Matrix a = Samples.random(device, DType.F32, rank0 + rank1, in, seed, arena);
    Matrix b0 = Samples.random(device, DType.F32, shape[2], rank0, seed + 1, arena);
    Matrix b1 = Samples.random(device, DType.F32, shape[4], rank1, seed + 2, arena);
    // The second sibling comes first in the ranks, and a row of the weight between them has no
    // adapter.
    return new LoraFactors(
        a, List.of(new Sibling(0, rank1, b0, scale), new Sibling(shape[2] + 1, 0, b1, 2 * scale)));
  }

  static LoraCase make(
      Device device, DType compute, int[] shape, boolean whole, boolean dropped, Arena arena) {
    int tokens = shape[0];
    int in = shape[1];
    int out = shape[2] + 1 + shape[4] + 3;
    Matrix x = Samples.random(device, compute, tokens, in, 1, arena);
    Matrix xa = dropped ? Samples.random(device, compute, tokens, in, 2, arena) : x;
    var rows = new ArrayList<LoraRows>();
    if (whole) {
      rows.add(new LoraRows(0, tokens, factors(device, shape, in, 0.5f, 20, arena)));
    } else {
      int third = tokens / 3;
      rows.add(new LoraRows(0, third, factors(device, shape, in, 0.5f, 20, arena)));
      rows.add(
          new LoraRows(
              third + 1, tokens - third - 1, factors(device, shape, in, 0.25f, 30, arena)));
    }
    Matrix t = Samples.guarded(device, compute, tokens, shape[3] + shape[5] + 1, arena);
    return new LoraCase(
        device,
        compute,
        tokens,
        in,
        out,
        x,
        xa,
        Weights.nf4(device, out, in, 4, arena),
        rows,
        t,
        arena);
  }

  interface Check {
    void run(LoraCase c);
  }

  static void eachCase(Devices.Place place, Check check) {
    place.run((device, ignored) -> {
      for (int[] shape : place instanceof Devices.Gpu ? GPU_SHAPES : SHAPES) {
        for (DType compute : COMPUTE) {
          for (boolean whole : new boolean[] {true, false}) {
            try (Arena arena = Arena.ofConfined()) {
              check.run(make(device, compute, shape, whole, false, arena));
              check.run(make(device, compute, shape, whole, true, arena));
            }
          }
        }
      }
    });
  }

  static double[] part(double[] all, int cols, int first, int count) {
    return Arrays.copyOfRange(all, first * cols, (first + count) * cols);
  }

  static double[] columns(Matrix m, LoraRows rows) {
    return Samples.values(
        m.rowSlice(rows.firstRow(), rows.rowCount()).colSlice(0, rows.factors().a().rows()));
  }

  /**
   * Adds, in the rows of each adapter, low (rows, ranks) times the factor's matrix (ranks, cols).
   */
  static void addLow(
      double[] sum,
      int cols,
      LoraCase c,
      Matrix low,
      java.util.function.Function<LoraFactors, double[]> right) {
    for (LoraRows r : c.rows()) {
      double[] product =
          LoraMatMulReference.times(
              columns(low, r),
              right.apply(r.factors()),
              r.rowCount(),
              r.factors().a().rows(),
              cols);
      for (int i = 0; i < product.length; i++) {
        sum[r.firstRow() * cols + i] += product[i];
      }
    }
  }

  static double[] transposed(double[] m, int rows, int cols) {
    var t = new double[m.length];
    for (int i = 0; i < m.length; i++) {
      t[i % cols * rows + i / cols] = m[i];
    }
    return t;
  }
}
