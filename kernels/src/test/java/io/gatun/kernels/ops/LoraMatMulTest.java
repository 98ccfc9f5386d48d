package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LoraMatMulTest {
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void forwardEqualsReference(Devices.Choice choice) {
    LoraCase.eachCase(
        choice,
        c -> {
          for (DType result : LoraCase.COMPUTE) {
            Matrix bias = Samples.random(c.device(), DType.F32, 1, c.out(), 8, c.arena());
            Matrix y = Samples.guarded(c.device(), result, c.tokens(), c.out(), c.arena());
            LoraMatMul.forward(c.x(), c.xa(), c.w(), Optional.of(bias), c.rows(), c.t(), y);
            for (LoraRows r : c.rows()) {
              int ranks = r.factors().a().rows();
              double[] xa = LoraCase.part(c.values(c.xa()), c.in(), r.firstRow(), r.rowCount());
              double[] t =
                  LoraMatMulReference.timesTransposed(
                      xa, c.a(r.factors()), r.rowCount(), c.in(), ranks);
              Tolerance.of(c.compute(), c.in()).check("t", t, LoraCase.columns(c.t(), r));
            }
            double[] expected =
                MatMulReference.forward(c.values(c.x()), c.weight(), c.tokens(), c.in(), c.out());
            LoraCase.addLow(
                expected,
                c.out(),
                c,
                c.t(),
                f -> LoraCase.transposed(c.b(f), c.out(), f.a().rows()));
            double[] b = c.values(bias);
            for (int i = 0; i < expected.length; i++) {
              expected[i] += b[i % c.out()];
            }
            Tolerance.of(result, c.in() + 64).check("y", expected, c.values(y));
            Samples.checkGuards(y);
            Samples.checkGuards(c.t());
          }
        });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void withoutAdaptersItIsMatMul(Devices.Choice choice) {
    choice.run((device, arena) -> {
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

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void refusals(Devices.Choice choice) {
    choice.run((device, arena) -> {
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
