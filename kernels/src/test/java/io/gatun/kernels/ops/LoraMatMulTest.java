package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LoraMatMulTest {
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void forwardEqualsReference(Devices.Place place) {
    LoraCase.eachCase(place, LoraMatMulTest::check);
  }

  private static void check(LoraCase c) {
    check(c, c.weight());
  }

  static void check(LoraCase c, double[] weight) {
    for (DType result : LoraCase.COMPUTE) {
      Matrix bias = Samples.random(c.device(), DType.F32, 1, c.out(), 8, c.arena());
      Matrix y = Samples.guarded(c.device(), result, c.tokens(), c.out(), c.arena());
      LoraMatMul.forward(c.x(), c.xa(), c.w(), Optional.of(bias), c.rows(), c.t(), y);
      for (LoraRows r : c.rows()) {
        int ranks = r.factors().a().rows();
        double[] xa = LoraCase.part(c.values(c.xa()), c.in(), r.firstRow(), r.rowCount());
        double[] t =
            LoraMatMulReference.timesTransposed(xa, c.a(r.factors()), r.rowCount(), c.in(), ranks);
        Tolerance.of(c.compute(), c.in()).check("t", t, LoraCase.columns(c.t(), r));
      }
      double[] expected =
          MatMulReference.forward(c.values(c.x()), weight, c.tokens(), c.in(), c.out());
      LoraCase.addLow(
          expected, c.out(), c, c.t(), f -> LoraCase.transposed(c.b(f), c.out(), f.a().rows()));
      double[] b = c.values(bias);
      for (int i = 0; i < expected.length; i++) {
        expected[i] += b[i % c.out()];
      }
      Tolerance.of(result, c.in() + 64).check("y", expected, c.values(y));
      Samples.checkGuards(y);
      Samples.checkGuards(c.t());
    }
  }

  /** Rows that are aligned, few of them, and 4-bit tiles have a kernel of their own on a GPU. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void fewAlignedRows(Devices.Place place) {
    place.run((device, arena) -> {
      for (boolean whole : new boolean[] {true, false}) {
        LoraCase c =
            LoraCase.make(
                device, DType.BF16, new int[] {10, 192, 40, 16, 20, 8}, whole, false, arena);
        Matrix x = Matrix.allocate(device, "x", DType.BF16, c.tokens(), c.in(), arena);
        Cast.run(c.x(), x);
        double[] weight =
            place instanceof Devices.Gpu
                ? Weights.scaledAfterRounding((Nf4Matrix) c.w(), arena)
                : c.weight();
        check(
            new LoraCase(
                device,
                c.compute(),
                c.tokens(),
                c.in(),
                c.out(),
                x,
                x,
                c.w(),
                c.rows(),
                c.t(),
                arena),
            weight);
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void withoutAdaptersItIsMatMul(Devices.Place place) {
    place.run((device, arena) -> {
      LoraCase c =
          LoraCase.make(
              device, DType.BF16, new int[] {33, 192, 128, 16, 64, 8}, true, false, arena);
      Matrix y = Matrix.allocate(device, "y", DType.F32, c.tokens(), c.out(), arena);
      Matrix expected = Matrix.allocate(device, "y", DType.F32, c.tokens(), c.out(), arena);
      LoraMatMul.forward(c.x(), c.x(), c.w(), Optional.empty(), List.of(), c.t(), y);
      MatMul.forward(c.x(), c.w(), expected);
      assertArrayEquals(HostCopy.readFloats(expected), HostCopy.readFloats(y));
    });
  }

  /** Where t has its place in the rows of x, both are one operand. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void ranksMayLieBesideTheInput(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType compute : LoraCase.COMPUTE) {
        LoraCase c =
            LoraCase.make(device, compute, new int[] {33, 64, 20, 16, 5, 8}, true, false, arena);
        Matrix y = Matrix.allocate(device, "y", compute, c.tokens(), c.out(), arena);
        LoraMatMul.forward(c.x(), c.x(), c.w(), Optional.empty(), c.rows(), c.t(), y);
        Matrix both = Matrix.allocate(device, "x and t", compute, c.tokens(), 64 + 24, arena);
        Matrix x = both.colSlice(0, 64);
        Matrix t = both.colSlice(64, 24);
        Cast.run(c.x(), x);
        Matrix beside = Matrix.allocate(device, "y", compute, c.tokens(), c.out(), arena);
        LoraMatMul.forward(x, x, c.w(), Optional.empty(), c.rows(), t, beside);
        assertArrayEquals(HostCopy.readFloats(y), HostCopy.readFloats(beside));
        assertArrayEquals(HostCopy.readFloats(c.t().colSlice(0, 24)), HostCopy.readFloats(t));
        assertArrayEquals(HostCopy.readFloats(c.x()), HostCopy.readFloats(x));
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void refusals(Devices.Place place) {
    place.run((device, arena) -> {
      LoraCase c =
          LoraCase.make(device, DType.F32, new int[] {9, 13, 7, 3, 5, 1}, true, false, arena);
      LoraRows all = c.rows().getFirst();
      Matrix y = Matrix.allocate(device, "y", DType.F32, 9, c.out(), arena);
      var overlapping = List.of(all, new LoraRows(8, 1, all.factors()));
      var e =
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  LoraMatMul.forward(c.x(), c.x(), c.w(), Optional.empty(), overlapping, c.t(), y));
      assertEquals(
          "lora_mat_mul: rows of an adapter are 8 + 1; they must be ascending, without overlap, and"
              + " within the 9 rows of x",
          e.getMessage());
      Sibling first = all.factors().siblings().getFirst();
      var twice = new LoraFactors(all.factors().a(), List.of(first, first));
      e =
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  LoraMatMul.forward(
                      c.x(),
                      c.x(),
                      c.w(),
                      Optional.empty(),
                      List.of(new LoraRows(0, 9, twice)),
                      c.t(),
                      y));
      assertEquals(
          "lora_mat_mul: siblings share rows of the weight: 0 + 7 and 0 + 7", e.getMessage());
    });
  }
}
