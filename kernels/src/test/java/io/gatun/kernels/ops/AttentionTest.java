package io.gatun.kernels.ops;

import static io.gatun.kernels.ops.AttentionFixture.packed;
import static io.gatun.kernels.ops.AttentionFixture.randomTrees;
import static io.gatun.kernels.ops.AttentionFixture.shape;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segment;
import io.gatun.kernels.Segments;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AttentionTest {
  private static final DType[] COMPUTE = {DType.F32, DType.BF16};
  private static final int[] NONE = {-1, -1, -1, -1};

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void headSizesAndGroups(Devices.Choice choice) {
    choice.run(
        (device, arena) -> {
          var list = packed(new int[] {13, 70, 1, 30}, new int[] {-1, 0, 1, 0});
          int[] kvHeads = {1, 2};
          int[] groups = {1, 3, 4};
          int i = 0;
          for (int d : new int[] {8, 16, 24, 37, 64, 80, 128, 256}) {
            int group = groups[i++ % groups.length];
            check(device, shape(2 * group, 2, d, 0, 0), list, arena);
            check(device, shape(group, kvHeads[0], d, 40, i % 2 == 0 ? 2 : 0), list, arena);
          }
        });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void lengths(Devices.Choice choice) {
    choice.run(
        (device, arena) -> {
          var lengths = new int[] {1, 13, 207, 65};
          check(device, shape(3, 1, 16, 0, 0), packed(lengths, NONE), arena);
          check(device, shape(1, 1, 16, 0, 0), packed(lengths, new int[] {-1, 0, 1, 1}), arena);
          check(device, shape(2, 2, 8, 1, 0), packed(lengths, NONE), arena);
        });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void randomSegmentTrees(Devices.Choice choice) {
    choice.run(
        (device, arena) -> {
          for (int seed = 0; seed < 4; seed++) {
            var list = randomTrees(seed, 12, 50);
            check(device, shape(6, 2, 16, 0, 0), list, arena);
            check(device, shape(4, 1, 24, 1 + 20 * seed, 0), list, arena);
            check(device, shape(2, 2, 16, 60, 3), list, arena);
          }
        });
  }

  private static void check(Device device, AttentionShape shape, List<Segment> list, Arena arena) {
    for (DType dtype : COMPUTE) {
      var a = AttentionFixture.random(device, dtype, shape, list, 7, arena).forward().backward();
      String what = "%s %s ".formatted(dtype, shape);
      compare(what, a, a.reference(), list.size() * 50);
      a.checkGuards();
    }
  }

  private static void compare(
      String what, AttentionFixture a, AttentionReference.Result expected, int rows) {
    DType dtype = a.q().dtype();
    int length = a.shape().headDim() + rows;
    Tolerance.of(DType.F32, length).check(what + "lse", expected.lse(), Samples.values(a.lse()));
    near(what + "o", dtype, length, expected.o(), a.o());
    near(what + "dq", dtype, length, expected.dq(), a.dq());
    near(what + "dk", dtype, length, expected.dk(), a.dk());
    near(what + "dv", dtype, length, expected.dv(), a.dv());
  }

  /**
   * Weights and gradients of scores are rounded to the compute type before they are multiplied, and o before its part in them:
   * each result moves like a random walk with steps of its size, and the largest of 100,000 lies some four deviations out.
   */
  private static void near(
      String what, DType dtype, int length, AttentionReference.Sized expected, Matrix m) {
    double bound = 4 * Tolerance.of(dtype, length).relative();
    double[] actual = Samples.values(m);
    for (int i = 0; i < actual.length; i++) {
      double e = expected.values()[i];
      double limit = bound * Math.sqrt(expected.squares()[i] + e * e);
      if (!(Math.abs(actual[i] - e) <= limit)) {
        fail("%s: element %d is %s, expected %s within %s".formatted(what, i, actual[i], e, limit));
      }
    }
  }
}
