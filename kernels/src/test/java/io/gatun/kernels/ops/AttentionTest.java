package io.gatun.kernels.ops;

import static io.gatun.kernels.ops.AttentionFixture.packed;
import static io.gatun.kernels.ops.AttentionFixture.randomTrees;
import static io.gatun.kernels.ops.AttentionFixture.shape;
import static io.gatun.kernels.ops.AttentionFixture.sized;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AttentionTest {
  private static final DType[] COMPUTE = {DType.F32, DType.BF16};
  private static final int[] NONE = {-1, -1, -1, -1};

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void headSizesAndGroups(Devices.Place place) {
    place.run((device, arena) -> {
      int[] lengths = sized(device, new int[] {13, 70, 1, 30}, new int[] {13, 34, 1, 6});
      var list = packed(lengths, new int[] {-1, 0, 1, 0});
      int[] kvHeads = {1, 2};
      int[] groups = {1, 3, 4};
      int i = 0;
      for (int d : new int[] {8, 16, 24, 37, 64, 80, 128, 256}) {
        int group = groups[i++ % groups.length];
        AttentionFixture.check(device, shape(2 * group, 2, d, 0, 0), list, arena);
        AttentionFixture.check(
            device, shape(group, kvHeads[0], d, 40, i % 2 == 0 ? 2 : 0), list, arena);
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void lengths(Devices.Place place) {
    place.run((device, arena) -> {
      int[] lengths = sized(device, new int[] {1, 13, 207, 65}, new int[] {1, 13, 130, 20});
      AttentionFixture.check(device, shape(3, 1, 16, 0, 0), packed(lengths, NONE), arena);
      AttentionFixture.check(
          device, shape(1, 1, 16, 0, 0), packed(lengths, new int[] {-1, 0, 1, 1}), arena);
      AttentionFixture.check(device, shape(2, 2, 8, 1, 0), packed(lengths, NONE), arena);
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void randomSegmentTrees(Devices.Place place) {
    place.run((device, arena) -> {
      for (int seed = 0; seed < sized(device, 4, 1); seed++) {
        var list = randomTrees(seed, 12, 50);
        AttentionFixture.check(device, shape(6, 2, 16, 0, 0), list, arena);
        AttentionFixture.check(device, shape(4, 1, 24, 1 + 20 * seed, 0), list, arena);
        AttentionFixture.check(device, shape(2, 2, 16, 60, 3), list, arena);
      }
    });
  }

  /** The kernel's gradients against differences of the reference's forward direction alone. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void finiteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
      var list = packed(new int[] {3, 5, 1, 4}, new int[] {-1, 0, 1, 0});
      for (var shape : List.of(shape(3, 1, 5, 0, 0), shape(2, 2, 4, 4, 1.5f))) {
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

  /**
   * q, k and v as columns of one matrix, and their gradients as columns of another, as the decoder
   * holds them.
   */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void columnsOfOneMatrix(Devices.Place place) {
    place.run((device, arena) -> {
      var shape = shape(3, 1, 16, 0, 0);
      var list = packed(new int[] {40, 30}, new int[] {-1, 0});
      var apart = AttentionFixture.random(device, DType.BF16, shape, list, 3, arena);
      apart.forward().backward();
      Matrix qkv = Samples.guarded(device, DType.BF16, 70, 80, arena);
      Matrix dQkv = Samples.guarded(device, DType.BF16, 70, 80, arena);
      HostCopy.write(qkv.colSlice(0, 48), HostCopy.readFloats(apart.q()));
      HostCopy.write(qkv.colSlice(48, 16), HostCopy.readFloats(apart.k()));
      HostCopy.write(qkv.colSlice(64, 16), HostCopy.readFloats(apart.v()));
      var joined =
          new AttentionFixture(
              shape,
              Optional.empty(),
              apart.segments(),
              qkv.colSlice(0, 48),
              qkv.colSlice(48, 16),
              qkv.colSlice(64, 16),
              apart.dO(),
              Samples.guarded(device, DType.BF16, 70, 48, arena),
              Samples.guarded(device, DType.F32, 70, 3, arena),
              dQkv.colSlice(0, 48),
              dQkv.colSlice(48, 16),
              dQkv.colSlice(64, 16));
      List<float[]> expected = apart.written();
      List<float[]> actual = joined.forward().backward().written();
      for (int i = 0; i < expected.size(); i++) {
        assertArrayEquals(expected.get(i), actual.get(i), "result " + i);
      }
      Samples.checkGuards(dQkv);
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      var shape = shape(2, 1, 16, 0, 0);
      var none = AttentionFixture.random(device, DType.F32, shape, List.of(), 1, arena);
      none.forward().backward().checkGuards();
      for (DType dtype : COMPUTE) {
        // The second segment is full of NaN and infinity, the first must not notice.
        var list = packed(new int[] {20, 70}, new int[] {-1, -1});
        var a = AttentionFixture.random(device, dtype, shape, list, 1, arena);
        HostCopy.write(a.k().rowSlice(20, 70), filled(70 * 16, Float.NaN));
        HostCopy.write(a.v().rowSlice(20, 70), filled(70 * 16, Float.POSITIVE_INFINITY));
        a.forward().backward();
        for (float x : HostCopy.readFloats(a.o())) {
          assertTrue(Float.isFinite(x) || Float.isNaN(x));
        }
        assertFinite(a.o().rowSlice(0, 20), a.dq().rowSlice(0, 20));
        assertFinite(a.dk().rowSlice(0, 20), a.dv().rowSlice(0, 20));
        assertTrue(Float.isNaN(HostCopy.readFloats(a.o())[21 * 32]));
        // Scores of 10,000 and more: the softmax picks one key.
        var large = AttentionFixture.random(device, dtype, shape, list, 2, arena);
        HostCopy.write(large.q(), filled(90 * 32, 600));
        large.forward().backward();
        assertFinite(large.o(), large.lse());
        assertFinite(large.dq(), large.dk());
      }
    });
  }

  private static float[] filled(int count, float value) {
    var values = new float[count];
    Arrays.fill(values, value);
    return values;
  }

  private static void assertFinite(Matrix... matrices) {
    for (Matrix m : matrices) {
      for (float x : HostCopy.readFloats(m)) {
        assertTrue(Float.isFinite(x), m.shape() + " holds " + x);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void refusesWhatDoesNotFit(Devices.Place place) {
    place.run((device, arena) -> {
      var list = packed(new int[] {5}, NONE);
      var a = AttentionFixture.random(device, DType.F32, shape(2, 1, 8, 0, 0), list, 1, arena);
      var wide = shape(4, 1, 8, 0, 0);
      var e =
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  Attention.forward(
                      wide, Optional.empty(), a.segments(), a.q(), a.k(), a.v(), a.o(), a.lse()));
      assertEquals("attention_forward: q is 5x16 F32, must be 5x32 F32", e.getMessage());
      Matrix few = a.k().rowSlice(0, 4);
      e =
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  Attention.forward(
                      a.shape(), Optional.empty(), a.segments(), a.q(), few, few, a.o(), a.lse()));
      assertEquals(
          "attention_forward: k is 4x8 F32, the segments need at least 5 rows", e.getMessage());
    });
  }
}
