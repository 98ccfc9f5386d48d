package io.gatun.kernels.ops;

import static io.gatun.kernels.ops.AttentionFixture.bothWays;
import static io.gatun.kernels.ops.AttentionFixture.packed;
import static io.gatun.kernels.ops.AttentionFixture.randomTrees;
import static io.gatun.kernels.ops.AttentionFixture.shape;
import static io.gatun.kernels.ops.AttentionFixture.sized;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.AttentionDropout;
import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Segment;
import io.gatun.kernels.ops.AttentionReference.Sized;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Attention whose weights are dropped. */
class AttentionDropoutTest {
  private static final DropoutKey KEY = new DropoutKey(0x123456789abcdef0L, 7, 42);
  private static final float P = 0.3f;

  private static AttentionDropout dropout(Device device, int[] tokens, Arena arena) {
    return new AttentionDropout(P, KEY, Samples.ints(device, tokens, arena));
  }

  /** A fixture that drops, with random token indices. */
  private static AttentionFixture dropping(
      Device device, DType dtype, AttentionShape shape, List<Segment> list, Arena arena) {
    var a = AttentionFixture.random(device, dtype, shape, list, 7, arena);
    return a.with(dropout(device, Samples.below(5, a.q().rows(), 100_000), arena));
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        int[] lengths = sized(device, new int[] {1, 2, 8, 13, 65, 207}, new int[] {1, 13, 65});
        for (int d : sized(device, new int[] {8, 37, 64}, new int[] {37, 80})) {
          dropping(device, dtype, bothWays(2, 2, d, 0), rows(lengths), arena).check();
        }
        dropping(device, dtype, bothWays(6, 2, 16, 2), rows(9, 33, 150), arena).check();
        var fewQueries = List.of(new Segment(0, 1, 0, 70, -1), new Segment(1, 20, 70, 300, -1));
        dropping(device, dtype, bothWays(4, 2, 32, 0), fewQueries, arena).check();
        for (int seed = 0; seed < sized(device, 2, 1); seed++) {
          var trees = randomTrees(seed, 12, 50);
          dropping(device, dtype, shape(6, 2, 16, 0, 0), trees, arena).check();
          dropping(device, dtype, shape(2, 2, 24, 21, 3), trees, arena).check();
        }
      }
    });
  }

  /** The kernel's gradients against differences of the reference's forward direction alone. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void finiteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
      var list = packed(new int[] {3, 5, 1, 4}, new int[] {-1, 0, 1, 0});
      checkDifferences(device, shape(3, 1, 5, 0, 0), list, arena);
      checkDifferences(device, shape(2, 2, 4, 4, 1.5f), list, arena);
      checkDifferences(device, bothWays(4, 2, 5, 0), rows(3, 5, 1, 9), arena);
    });
  }

  private static void checkDifferences(
      Device device, AttentionShape shape, List<Segment> list, Arena arena) {
    var a = dropping(device, DType.F32, shape, list, arena).forward().backward();
    double[] q = Samples.values(a.q());
    double[] k = Samples.values(a.k());
    double[] v = Samples.values(a.v());
    double[] dO = Samples.values(a.dO());
    var sizes = a.reference();
    int length = list.size() * shape.headDim();
    var dq = FiniteDifferences.gradient(x -> forward(a, x, k, v), q, dO);
    AttentionFixture.near("dq", length, new Sized(dq, sizes.dq().squares()), a.dq());
    var dk = FiniteDifferences.gradient(x -> forward(a, q, x, v), k, dO);
    AttentionFixture.near("dk", length, new Sized(dk, sizes.dk().squares()), a.dk());
    var dv = FiniteDifferences.gradient(x -> forward(a, q, k, x), v, dO);
    AttentionFixture.near("dv", length, new Sized(dv, sizes.dv().squares()), a.dv());
  }

  private static double[] forward(AttentionFixture a, double[] q, double[] k, double[] v) {
    var list = a.segments().list();
    var none = new double[q.length];
    return AttentionReference.run(a.shape(), a.dropout(), list, q, k, v, none).o().values();
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void probabilityZeroGivesTheBitsOfNoDropout(Devices.Place place) {
    place.run((device, arena) -> {
      var list = rows(1, 6, 20, 100);
      for (DType dtype : Samples.COMPUTE) {
        for (var shape : List.of(bothWays(4, 2, 32, 0), shape(4, 2, 32, 30, 0))) {
          var plain = AttentionFixture.random(device, dtype, shape, list, 7, arena);
          var none = Samples.ints(device, new int[127], arena);
          var zero =
              AttentionFixture.random(device, dtype, shape, list, 7, arena)
                  .with(new AttentionDropout(0, KEY, none));
          assertSame(plain.forward().backward().written(), zero.forward().backward().written());
        }
      }
    });
  }

  @Test
  void bitsDoNotDependOnThreads() {
    for (CpuVariant variant : CpuVariant.available()) {
      for (DType dtype : Samples.COMPUTE) {
        List<float[]> one = onThreads(variant, 1, dtype);
        for (int threads : new int[] {2, 3, 7}) {
          assertSame(one, onThreads(variant, threads, dtype));
        }
      }
    }
  }

  private static List<float[]> onThreads(CpuVariant variant, int threads, DType dtype) {
    var written = new ArrayList<float[]>();
    new Devices.Choice(variant, threads)
        .run((device, arena) -> {
          var list = rows(70, 5, 150, 1, 20, 31, 8, 300);
          var a = dropping(device, dtype, bothWays(4, 2, 32, 0), list, arena);
          written.addAll(a.forward().backward().written());
        });
    return written;
  }

  /**
   * A segment alone gives the bits it gives elsewhere in a batch: the mask goes with the tokens.
   */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void maskDoesNotDependOnPacking(Devices.Place place) {
    place.run((device, arena) -> {
      for (var shape : List.of(bothWays(4, 2, 32, 0), shape(4, 2, 32, 0, 0))) {
        for (int length : new int[] {6, 100}) {
          var list = rows(33, length, 7);
          var together = dropping(device, DType.F32, shape, list, arena).forward().backward();
          var alone = AttentionFixture.random(device, DType.F32, shape, rows(length), 9, arena);
          var from = List.of(together.q(), together.k(), together.v(), together.dO());
          var to = List.of(alone.q(), alone.k(), alone.v(), alone.dO());
          for (int i = 0; i < from.size(); i++) {
            HostCopy.write(to.get(i), HostCopy.readFloats(from.get(i).rowSlice(33, length)));
          }
          var index = together.dropout().orElseThrow().tokenIndex().slice(33, length);
          var expected = alone.with(new AttentionDropout(P, KEY, index)).forward().backward();
          var results =
              List.of(together.o(), together.lse(), together.dq(), together.dk(), together.dv());
          assertSame(
              expected.written(),
              results.stream().map(m -> HostCopy.readFloats(m.rowSlice(33, length))).toList());
        }
      }
    });
  }

  /** Equal weights and values of 1: each result counts what was kept. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void keepsTheExpectedShare(Devices.Place place) {
    place.run((device, arena) -> {
      int keys = 207;
      var a = ones(device, KEY, keys, Samples.below(1, keys, 1000), arena);
      float[] sums = HostCopy.readFloats(a.o());
      double mean = 0;
      for (float x : sums) {
        mean += x / sums.length;
      }
      double deviation = Math.sqrt(P / (1 - P) / (keys * (double) sums.length));
      assertTrue(Math.abs(mean - 1) < 4 * deviation, "mean " + mean);
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void maskBelongsToHeadTokenStepTensorAndSeed(Devices.Place place) {
    place.run((device, arena) -> {
      int[] tokens = new int[207];
      Arrays.fill(tokens, 3);
      tokens[1] = 4;
      float[] o = HostCopy.readFloats(ones(device, KEY, 207, tokens, arena).o());
      float[] first = Arrays.copyOf(o, 4);
      assertEquals(4, Set.of(o[0], o[1], o[2], o[3]).size(), "heads");
      assertFalse(Arrays.equals(first, Arrays.copyOfRange(o, 4, 8)), "tokens");
      assertArrayEquals(first, Arrays.copyOfRange(o, 8, 12), "the same token");
      for (var other :
          List.of(
              new DropoutKey(KEY.seed() + 1, 7, 42),
              new DropoutKey(KEY.seed() + (1L << 32), 7, 42),
              new DropoutKey(KEY.seed(), 8, 42),
              new DropoutKey(KEY.seed(), 7, 43))) {
        float[] others = HostCopy.readFloats(ones(device, other, 207, tokens, arena).o());
        assertFalse(Arrays.equals(first, Arrays.copyOf(others, 4)), other.toString());
      }
    });
  }

  /** Four heads of one column, in both directions, over one segment of equal scores. */
  private static AttentionFixture ones(
      Device device, DropoutKey key, int keys, int[] tokens, Arena arena) {
    var a = AttentionFixture.random(device, DType.F32, bothWays(4, 4, 1, 0), rows(keys), 1, arena);
    float[] ones = new float[keys * 4];
    HostCopy.write(a.q(), ones);
    Arrays.fill(ones, 1);
    HostCopy.write(a.v(), ones);
    return a.with(new AttentionDropout(P, key, Samples.ints(device, tokens, arena))).forward();
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void refusesWhatDoesNotFit(Devices.Place place) {
    place.run((device, arena) -> {
      var a = AttentionFixture.random(device, DType.F32, bothWays(2, 2, 8, 0), rows(5), 1, arena);
      var few = a.with(dropout(device, new int[4], arena));
      var e = assertThrows(IllegalArgumentException.class, few::forward);
      assertEquals("attention_forward: tokenIndex has 4 entries, must have 5", e.getMessage());
      e = assertThrows(IllegalArgumentException.class, few::backward);
      assertEquals("attention_backward: tokenIndex has 4 entries, must have 5", e.getMessage());
      var many = bothWays(AttentionDropout.MAX_HEADS + 1, 1, 1, 0);
      var wide = AttentionFixture.random(device, DType.F32, many, rows(1), 1, arena);
      e =
          assertThrows(
              IllegalArgumentException.class,
              wide.with(dropout(device, new int[1], arena))::forward);
      assertEquals("attention_forward: dropout tells 4096 heads apart, not 4097", e.getMessage());
      for (float wrong : new float[] {-0.1f, 1, Float.NaN}) {
        var index = few.dropout().orElseThrow().tokenIndex();
        e =
            assertThrows(
                IllegalArgumentException.class, () -> new AttentionDropout(wrong, KEY, index));
        assertEquals(
            "the probability of attention's dropout is %s, must be 0 to below 1".formatted(wrong),
            e.getMessage());
      }
    });
  }

  private static void assertSame(List<float[]> expected, List<float[]> actual) {
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), actual.get(i), "result " + i);
    }
  }

  private static List<Segment> rows(int... lengths) {
    var none = new int[lengths.length];
    Arrays.fill(none, Segment.NO_PARENT);
    return packed(lengths, none);
  }
}
