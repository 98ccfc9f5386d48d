package io.gatun.kernels.ops;

import static io.gatun.kernels.ops.AttentionFixture.packed;
import static io.gatun.kernels.ops.AttentionFixture.shape;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segment;
import io.gatun.kernels.Segments;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is computed once for several rows equals what each row would compute alone. */
class AttentionSharingTest {
  private static final DType[] COMPUTE = {DType.F32, DType.BF16};
  private static final AttentionShape SHAPE = shape(6, 2, 24, 0, 0);
  private static final int WIDTH = SHAPE.heads() * SHAPE.headDim();
  private static final int KEY_WIDTH = SHAPE.kvHeads() * SHAPE.headDim();

  @Test
  void bitsDoNotDependOnThreads() {
    for (CpuVariant variant : CpuVariant.available()) {
      for (DType dtype : COMPUTE) {
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
          var list = packed(new int[] {70, 150, 1, 90, 300}, new int[] {-1, 0, 1, 0, -1});
          var a = AttentionFixture.random(device, dtype, SHAPE, list, 1, arena);
          written.addAll(a.forward().backward().written());
          var tokens = List.of(new Segment(0, 1, 0, 700, -1), new Segment(1, 2, 700, 90, 0));
          written.addAll(
              AttentionFixture.random(device, dtype, SHAPE, tokens, 2, arena)
                  .forward()
                  .backward()
                  .written());
        });
    return written;
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void bitsDoNotDependOnOtherSegments(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : COMPUTE) {
        var all = packed(new int[] {33, 100, 50, 7}, new int[] {-1, -1, 1, -1});
        var together = AttentionFixture.random(device, dtype, SHAPE, all, 3, arena);
        together.forward().backward();
        var pair = packed(new int[] {100, 50}, new int[] {-1, 0});
        var alone = AttentionFixture.random(device, dtype, SHAPE, pair, 9, arena);
        var from = List.of(together.q(), together.k(), together.v(), together.dO());
        var to = List.of(alone.q(), alone.k(), alone.v(), alone.dO());
        for (int i = 0; i < from.size(); i++) {
          HostCopy.write(to.get(i), HostCopy.readFloats(from.get(i).rowSlice(33, 150)));
        }
        List<float[]> expected = alone.forward().backward().written();
        var results =
            List.of(together.o(), together.lse(), together.dq(), together.dk(), together.dv());
        for (int i = 0; i < results.size(); i++) {
          float[] part = HostCopy.readFloats(results.get(i).rowSlice(33, 150));
          assertArrayEquals(expected.get(i), part, dtype + " result " + i);
        }
      }
    });
  }

  /**
   * A prefix with two children and a grandchild, and the three rows that they stand for, each
   * written out in full.
   */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void sharedPrefixEqualsExpandedRows(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : COMPUTE) {
        for (int window : new int[] {0, 50}) {
          comparePrefix(device, dtype, shape(6, 2, 24, window, 0), arena);
        }
      }
    });
  }

  private static void comparePrefix(Device device, DType dtype, AttentionShape shape, Arena arena) {
    var tree = packed(new int[] {65, 20, 13, 31}, new int[] {-1, 0, 0, 1});
    // Rows of the tree that each expanded row is made of.
    int[][] expanded = {range(0, 65, 85, 98), range(0, 85, 98, 129)};
    var shared = AttentionFixture.random(device, dtype, shape, tree, 5, arena);
    var rows = packed(new int[] {78, 116}, new int[] {-1, -1});
    var full = AttentionFixture.random(device, dtype, shape, rows, 5, arena);
    int[] source = Arrays.stream(expanded).flatMapToInt(Arrays::stream).toArray();
    gather(shared.q(), source, full.q(), 1);
    gather(shared.k(), source, full.k(), 1);
    gather(shared.v(), source, full.v(), 1);
    // A shared row's output gradient is the sum over the rows that hold it.
    var copies = new int[129];
    Arrays.stream(source).forEach(row -> copies[row]++);
    gather(shared.dO(), source, full.dO(), 1);
    float[] dO = HostCopy.readFloats(shared.dO());
    for (int i = 0; i < dO.length; i++) {
      dO[i] *= copies[i / WIDTH];
    }
    HostCopy.write(shared.dO(), dO);
    shared.forward().backward();
    full.forward().backward();
    var tolerance = new Tolerance(8 * Tolerance.of(dtype, 24 + 129).relative());
    float[] o = HostCopy.readFloats(shared.o());
    tolerance.check("o", picked(o, WIDTH, source), Samples.values(full.o()));
    tolerance.check("dq", added(full.dq(), source), Samples.values(shared.dq()));
    tolerance.check("dk", added(full.dk(), source), Samples.values(shared.dk()));
    tolerance.check("dv", added(full.dv(), source), Samples.values(shared.dv()));
  }

  private static int[] range(int first, int end, int second, int secondEnd) {
    var rows = new int[end - first + secondEnd - second];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = i < end - first ? first + i : second + i - (end - first);
    }
    return rows;
  }

  private static void gather(Matrix from, int[] source, Matrix to, float factor) {
    double[] picked = picked(HostCopy.readFloats(from), from.cols(), source);
    var values = new float[picked.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) picked[i] * factor;
    }
    HostCopy.write(to, values);
  }

  private static double[] picked(float[] from, int cols, int[] source) {
    var picked = new double[source.length * cols];
    for (int i = 0; i < picked.length; i++) {
      picked[i] = from[source[i / cols] * cols + i % cols];
    }
    return picked;
  }

  private static double[] added(Matrix from, int[] source) {
    double[] values = Samples.values(from);
    var sums = new double[(Arrays.stream(source).max().orElseThrow() + 1) * from.cols()];
    for (int i = 0; i < values.length; i++) {
      sums[source[i / from.cols()] * from.cols() + i % from.cols()] += values[i];
    }
    return sums;
  }

  /**
   * Sequences of different lengths behind one cached prefix, token by token or in pieces, against
   * all tokens at once.
   */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void decodeEqualsPrefill(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : COMPUTE) {
        for (int window : new int[] {0, 70}) {
          compareDecode(device, dtype, shape(6, 2, 24, window, 0), arena);
        }
      }
    });
  }

  private static void compareDecode(Device device, DType dtype, AttentionShape shape, Arena arena) {
    var prefill = packed(new int[] {150, 33, 207, 1}, new int[] {-1, 0, 0, -1});
    var all = AttentionFixture.random(device, dtype, shape, prefill, 4, arena).forward();
    var tolerance = new Tolerance(8 * Tolerance.of(dtype, 24 + 391).relative());
    for (int queries : new int[] {1, 2, 9, 33}) {
      var list = new ArrayList<Segment>(List.of(new Segment(0, 0, 0, 150, -1)));
      var rows = new ArrayList<Integer>();
      for (Segment s : prefill.subList(1, 4)) {
        int count = Math.min(queries, s.keyLength());
        list.add(new Segment(rows.size(), count, s.keyFirst(), s.keyLength(), s.parent()));
        for (int i = count; i > 0; i--) {
          rows.add(s.queryFirst() + s.queryLength() - i);
        }
      }
      int[] source = rows.stream().mapToInt(Integer::intValue).toArray();
      Matrix q = Samples.guarded(device, dtype, source.length, WIDTH, arena);
      gather(all.q(), source, q, 1);
      Matrix o = Samples.guarded(device, dtype, source.length, WIDTH, arena);
      Matrix lse = Samples.guarded(device, DType.F32, source.length, 6, arena);
      Attention.forward(
          shape, Optional.empty(), Segments.of(device, list, arena), q, all.k(), all.v(), o, lse);
      double[] expected = picked(HostCopy.readFloats(all.o()), WIDTH, source);
      tolerance.check("o of " + queries, expected, Samples.values(o));
      double[] sums = picked(HostCopy.readFloats(all.lse()), 6, source);
      Tolerance.of(DType.F32, 24 + 391).check("lse", sums, Samples.values(lse));
      Samples.checkGuards(o);
      assertEquals(KEY_WIDTH, all.k().cols());
    }
  }
}
