package io.gatun.kernels.ops;

import static java.util.stream.Collectors.toMap;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Profile.Operation;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Few aligned rows with a weight of three bands, as in decoding: on a GPU the products with the
 * weight and with its adapters are two launches.
 */
class LoraFewRowsTest {
  private static final int IN = 192;

  /** Tokens, rows of the weight, ranks of a band, tokens of an adapter; a token in six has none. */
  private static final int[][] SHAPES = {
    {1, 70, 16, 1}, {3, 100, 5, 1}, {8, 34, 64, 8}, {13, 40, 20, 2}, {19, 70, 4, 19}, {32, 33, 8, 3}
  };

  /** Rows of whole 16 bytes lie one after the other, others apart. */
  private static Matrix factor(Device device, int rows, int cols, long seed, Arena arena) {
    Matrix m = Samples.random(device, DType.F32, rows, cols, seed, arena);
    if (cols % 4 != 0) {
      return m;
    }
    Matrix aligned = Matrix.allocate(device, "factor", DType.F32, rows, cols, arena);
    Cast.run(m, aligned);
    return aligned;
  }

  static LoraFactors factors(Device device, Nf4Matrix w, int rank, long seed, Arena arena) {
    int bands = w.bands().size();
    Matrix a = factor(device, bands * rank, w.cols(), seed, arena);
    var siblings = new ArrayList<Sibling>();
    int first = 0;
    for (int i = 0; i < bands; i++) {
      int rows = w.bands().get(i).rows();
      Matrix b = factor(device, rows, rank, seed + 1 + i, arena);
      siblings.add(new Sibling(first, (bands - 1 - i) * rank, b, 0.5f + i));
      first += rows;
    }
    return new LoraFactors(a, siblings);
  }

  private static LoraCase make(Device device, int[] shape, Arena arena) {
    int tokens = shape[0];
    Nf4Matrix w = MatMulTest.bands(device, Code.NF4, 64, shape[1], IN, Layout.TILED, true, arena);
    Matrix x = Matrix.allocate(device, "x", DType.BF16, tokens, IN, arena);
    HostCopy.write(x, Samples.normal(tokens, tokens * IN));
    var rows = new ArrayList<LoraRows>();
    for (int first = 0, end; first < tokens; first = end + (rows.size() % 5 == 0 ? 1 : 0)) {
      end = Math.min(first + shape[3], tokens);
      rows.add(
          new LoraRows(first, end - first, factors(device, w, shape[2], 40 + 9 * first, arena)));
    }
    Matrix t = Samples.guarded(device, DType.BF16, tokens, 3 * shape[2] + 1, arena);
    return new LoraCase(
        device, DType.BF16, tokens, IN, shape[1], x, x, w, List.copyOf(rows), t, arena);
  }

  private static double[] weight(Devices.Place place, LoraCase c) {
    return place instanceof Devices.Gpu
        ? Weights.scaledAfterRounding((Nf4Matrix) c.w(), c.arena())
        : c.weight();
  }

  private static float[] forward(LoraCase c, List<LoraRows> rows) {
    Matrix y = Matrix.allocate(c.device(), "y", DType.F32, c.tokens(), c.out(), c.arena());
    LoraMatMul.forward(c.x(), c.xa(), c.w(), Optional.empty(), rows, c.t(), y);
    return HostCopy.readFloats(y);
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (int[] shape : SHAPES) {
        LoraCase c = make(device, shape, arena);
        LoraMatMulTest.check(c, weight(place, c));
      }
    });
  }

  /** More adapters than a launch passes; on a GPU the weight is then decoded first. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void manyAdapters(Devices.Place place) {
    place.run((device, arena) -> {
      LoraCase c = make(device, new int[] {26, 9, 2, 1}, arena);
      LoraMatMulTest.check(c, c.weight());
    });
  }

  /** An adapter that is broken breaks no row but its own. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void adaptersStayInTheirRows(Devices.Place place) {
    place.run((device, arena) -> {
      LoraCase c = make(device, new int[] {6, 40, 16, 2}, arena);
      float[] without = forward(c, c.rows().subList(1, 3));
      Matrix broken = c.rows().getFirst().factors().siblings().getFirst().b();
      var infinite = new float[broken.rows() * broken.cols()];
      Arrays.fill(infinite, Float.POSITIVE_INFINITY);
      HostCopy.write(broken, infinite);
      float[] with = forward(c, c.rows());
      int first = 2 * c.out();
      assertArrayEquals(tail(without, first), tail(with, first));
      assertEquals(c.out() - broken.rows(), finite(with, c.out()), "finite in a row of its own");
    });
  }

  private static float[] tail(float[] values, int first) {
    return Arrays.copyOfRange(values, first, values.length);
  }

  private static int finite(float[] values, int count) {
    int finite = 0;
    for (int i = 0; i < count; i++) {
      finite += Float.isFinite(values[i]) ? 1 : 0;
    }
    return finite;
  }

  /** A row of many reads of A what one row reads: t does not depend on what it is made beside. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void aRowOfManyIsTheRowAlone(Devices.Place place) {
    place.run((device, arena) -> {
      LoraCase c = make(device, new int[] {7, 40, 16, 7}, arena);
      forward(c, c.rows());
      float[] all = HostCopy.readFloats(c.t().rowSlice(6, 1));
      forward(c, List.of(new LoraRows(6, 1, c.rows().getFirst().factors())));
      assertArrayEquals(all, HostCopy.readFloats(c.t().rowSlice(6, 1)));
    });
  }

  @Test
  void theyAreTwoLaunchesAndReadFactorsOnce() {
    Devices.emulator((device, arena) -> {
      LoraCase c = make(device, new int[] {1, 70, 16, 1}, arena);
      Matrix y = Matrix.allocate(device, "y", DType.BF16, 1, c.out(), arena);
      var factors = c.rows().getFirst().factors();
      Runnable ops =
          () -> LoraMatMul.forward(c.x(), c.xa(), c.w(), Optional.empty(), c.rows(), c.t(), y);
      var calls =
          device.profile(ops).operations().stream()
              .collect(toMap(Operation::name, Operation::calls));
      assertEquals(Map.of("lora_shrink", 1L, "nf4_mat_vec_lora_1", 1L), calls);
      Traffic.count(device, ops);
      Traffic.readsOnce(factors.a());
      factors.siblings().forEach(s -> Traffic.readsOnce(s.b()));
    });
  }
}
