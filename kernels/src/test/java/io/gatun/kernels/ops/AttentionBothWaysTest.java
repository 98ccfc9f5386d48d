package io.gatun.kernels.ops;

import static io.gatun.kernels.ops.AttentionFixture.bothWays;
import static io.gatun.kernels.ops.AttentionFixture.packed;
import static io.gatun.kernels.ops.AttentionFixture.sized;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Attention in which a token sees what comes after it too, as in an encoder. */
class AttentionBothWaysTest {
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      var mixed = rows(1, 2, 8, 9, 13, 16, 17, 33, 60, 65);
      for (int d : sized(device, new int[] {8, 32, 37, 64}, new int[] {37})) {
        AttentionFixture.check(device, bothWays(2, 2, d, 0), mixed, arena);
      }
      AttentionFixture.check(device, bothWays(6, 2, 16, 0), rows(207, 13), arena);
      AttentionFixture.check(device, bothWays(3, 3, 32, 2), mixed, arena);
    });
  }

  /** What a classifier sees: many short texts. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void manyShortSegments(Devices.Place place) {
    place.run((device, arena) -> {
      int[] lengths = Samples.below(1, sized(device, 60, 10), 24);
      var list = rows(Arrays.stream(lengths).map(length -> length + 1).toArray());
      AttentionFixture.check(device, bothWays(2, 2, 32, 0), list, arena);
      AttentionFixture.check(device, bothWays(1, 1, 64, 0), list, arena);
    });
  }

  /** Queries for a few tokens only, as where just the first one is wanted. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void fewerQueriesThanKeys(Devices.Place place) {
    place.run((device, arena) -> {
      var list =
          List.of(
              new Segment(0, 1, 0, 70, -1),
              new Segment(1, 0, 70, 5, -1),
              new Segment(1, 20, 75, 300, -1));
      AttentionFixture.check(device, bothWays(2, 1, 32, 0), list, arena);
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void finiteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
      var list = rows(3, 5, 1, 4);
      for (var shape : List.of(bothWays(3, 1, 5, 0), bothWays(2, 2, 4, 1.5f))) {
        var a = AttentionFixture.random(device, DType.F32, shape, list, 3, arena);
        a.forward().backward();
        double[] q = Samples.values(a.q());
        double[] k = Samples.values(a.k());
        double[] v = Samples.values(a.v());
        double[] dO = Samples.values(a.dO());
        var tolerance = Tolerance.of(DType.F32, list.size() * shape.headDim());
        tolerance.check(
            "dq",
            FiniteDifferences.gradient(x -> forward(shape, list, x, k, v, dO), q, dO),
            Samples.values(a.dq()));
        tolerance.check(
            "dk",
            FiniteDifferences.gradient(x -> forward(shape, list, q, x, v, dO), k, dO),
            Samples.values(a.dk()));
        tolerance.check(
            "dv",
            FiniteDifferences.gradient(x -> forward(shape, list, q, k, x, dO), v, dO),
            Samples.values(a.dv()));
      }
    });
  }

  private static double[] forward(
      AttentionShape shape, List<Segment> list, double[] q, double[] k, double[] v, double[] dO) {
    return AttentionReference.run(shape, Optional.empty(), list, q, k, v, dO).o().values();
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
          var list = rows(70, 5, 150, 1, 20, 31, 8, 300);
          var shape = bothWays(4, 2, 32, 0);
          var a = AttentionFixture.random(device, dtype, shape, list, 1, arena);
          written.addAll(a.forward().backward().written());
        });
    return written;
  }

  /** A segment alone gives the bits it gives among others, even those full of NaN. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void bitsDoNotDependOnOtherSegments(Devices.Place place) {
    place.run((device, arena) -> {
      var shape = bothWays(4, 2, 32, 0);
      for (DType dtype : Samples.COMPUTE) {
        for (int length : new int[] {6, 20, 100}) {
          var together =
              AttentionFixture.random(device, dtype, shape, rows(33, length, 7), 3, arena);
          var alone = AttentionFixture.random(device, dtype, shape, rows(length), 9, arena);
          var from = List.of(together.q(), together.k(), together.v(), together.dO());
          var to = List.of(alone.q(), alone.k(), alone.v(), alone.dO());
          for (int i = 0; i < from.size(); i++) {
            HostCopy.write(to.get(i), HostCopy.readFloats(from.get(i).rowSlice(33, length)));
          }
          fill(together.k().rowSlice(0, 33), Float.NaN);
          fill(together.v().rowSlice(33 + length, 7), Float.NaN);
          together.forward().backward();
          List<float[]> expected = alone.forward().backward().written();
          var results =
              List.of(together.o(), together.lse(), together.dq(), together.dk(), together.dv());
          for (int i = 0; i < results.size(); i++) {
            float[] part = HostCopy.readFloats(results.get(i).rowSlice(33, length));
            assertArrayEquals(expected.get(i), part, dtype + " result " + i);
          }
        }
      }
    });
  }

  private static void fill(Matrix m, float value) {
    var values = new float[m.rows() * m.cols()];
    Arrays.fill(values, value);
    HostCopy.write(m, values);
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void parentsAndWindowsAreRefused(Devices.Place place) {
    place.run((device, arena) -> {
      var list = packed(new int[] {5, 3}, new int[] {-1, 0});
      var a = AttentionFixture.random(device, DType.F32, bothWays(1, 1, 8, 0), list, 1, arena);
      String message =
          "segment 1 has parent 0; in both directions a segment attends to itself alone, give it no"
              + " parent";
      var e = assertThrows(IllegalArgumentException.class, a::forward);
      assertEquals("attention_forward: " + message, e.getMessage());
      e = assertThrows(IllegalArgumentException.class, a::backward);
      assertEquals("attention_backward: " + message, e.getMessage());
      e =
          assertThrows(
              IllegalArgumentException.class, () -> new AttentionShape(1, 1, 8, 1, 16, 0, false));
      assertEquals(
          "attention in both directions with window 16; a window is for causal attention, use 0",
          e.getMessage());
    });
  }

  private static List<Segment> rows(int... lengths) {
    var none = new int[lengths.length];
    Arrays.fill(none, Segment.NO_PARENT);
    return packed(lengths, none);
  }
}
