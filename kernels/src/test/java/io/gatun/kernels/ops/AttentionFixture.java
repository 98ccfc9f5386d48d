package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.fail;

import io.gatun.kernels.AttentionDropout;
import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segment;
import io.gatun.kernels.Segments;
import io.gatun.kernels.cuda.CudaDevice;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/**
 * The matrices of one attention, forward and backward, in guarded views with gaps. What a kernel
 * must write holds guard bytes.
 */
record AttentionFixture(
    AttentionShape shape,
    Optional<AttentionDropout> dropout,
    Segments segments,
    Matrix q,
    Matrix k,
    Matrix v,
    Matrix dO,
    Matrix o,
    Matrix lse,
    Matrix dq,
    Matrix dk,
    Matrix dv) {

  static AttentionShape shape(int heads, int kvHeads, int headDim, int window, float softCap) {
    return new AttentionShape(
        heads, kvHeads, headDim, (float) (1 / Math.sqrt(headDim)), window, softCap);
  }

  /** Attention in both directions. */
  static AttentionShape bothWays(int heads, int kvHeads, int headDim, float softCap) {
    return new AttentionShape(
        heads, kvHeads, headDim, (float) (1 / Math.sqrt(headDim)), 0, softCap, false);
  }

  /** Fewer or smaller cases on a GPU, which is often emulated. */
  static <T> T sized(Device device, T onCpu, T onGpu) {
    return device instanceof CudaDevice ? onGpu : onCpu;
  }

  /** Normally distributed q, k, v and dO. */
  static AttentionFixture random(
      Device device,
      DType dtype,
      AttentionShape shape,
      List<Segment> list,
      long seed,
      Arena arena) {
    var segments = Segments.of(device, list, arena);
    int rows = segments.queryRows();
    int keys = segments.keyRows();
    int width = shape.heads() * shape.headDim();
    int keyWidth = shape.kvHeads() * shape.headDim();
    return new AttentionFixture(
        shape,
        Optional.empty(),
        segments,
        Samples.random(device, dtype, rows, width, seed, arena),
        Samples.random(device, dtype, keys, keyWidth, seed + 1, arena),
        Samples.random(device, dtype, keys, keyWidth, seed + 2, arena),
        Samples.random(device, dtype, rows, width, seed + 3, arena),
        Samples.guarded(device, dtype, rows, width, arena),
        Samples.guarded(device, DType.F32, rows, shape.heads(), arena),
        Samples.guarded(device, dtype, rows, width, arena),
        Samples.guarded(device, dtype, keys, keyWidth, arena),
        Samples.guarded(device, dtype, keys, keyWidth, arena));
  }

  /** The same matrices, with dropout. */
  AttentionFixture with(AttentionDropout drop) {
    return new AttentionFixture(
        shape, Optional.of(drop), segments, q, k, v, dO, o, lse, dq, dk, dv);
  }

  /** The same in matrices of their own, whose rows begin at multiples of 16 bytes if they can. */
  AttentionFixture aligned(Arena arena) {
    return new AttentionFixture(
        shape,
        dropout,
        segments,
        aligned(q, arena),
        aligned(k, arena),
        aligned(v, arena),
        aligned(dO, arena),
        aligned(o, arena),
        aligned(lse, arena),
        aligned(dq, arena),
        aligned(dk, arena),
        aligned(dv, arena));
  }

  private static Matrix aligned(Matrix m, Arena arena) {
    var device = m.buffer().device();
    Matrix copy = Matrix.allocate(device, "aligned", m.dtype(), m.rows(), m.cols(), arena);
    HostCopy.write(copy, HostCopy.readFloats(m));
    return copy;
  }

  AttentionFixture forward() {
    Attention.forward(shape, dropout, segments, q, k, v, o, lse);
    return this;
  }

  AttentionFixture backward() {
    Attention.backward(shape, dropout, segments, q, k, v, o, lse, dO, dq, dk, dv);
    return this;
  }

  AttentionReference.Result reference() {
    return AttentionReference.run(
        shape,
        dropout,
        segments.list(),
        Samples.values(q),
        Samples.values(k),
        Samples.values(v),
        Samples.values(dO));
  }

  /** Both directions of differentiation against the reference, in each compute type. */
  static void check(Device device, AttentionShape shape, List<Segment> list, Arena arena) {
    for (DType dtype : Samples.COMPUTE) {
      random(device, dtype, shape, list, 7, arena).check();
    }
  }

  /** Both directions of differentiation against the reference. */
  void check() {
    checkNumbers();
    checkGuards();
  }

  void checkNumbers() {
    forward().backward();
    int length = shape.headDim() + segments.list().size() * 50;
    String what = "%s %s %s ".formatted(q.dtype(), shape, dropout.isPresent() ? "dropout" : "");
    var expected = reference();
    Tolerance.of(DType.F32, length).check(what + "lse", expected.lse(), Samples.values(lse));
    near(what + "o", length, expected.o(), o);
    near(what + "dq", length, expected.dq(), dq);
    near(what + "dk", length, expected.dk(), dk);
    near(what + "dv", length, expected.dv(), dv);
  }

  /**
   * Weights and gradients of scores are rounded to the compute type before they are multiplied, and
   * o before its part in them: each result moves like a random walk with steps of its size, and the
   * largest of 100,000 lies some four deviations out.
   */
  static void near(String what, int length, AttentionReference.Sized expected, Matrix m) {
    double bound = 4 * Tolerance.of(m.dtype(), length).relative();
    double[] actual = Samples.values(m);
    for (int i = 0; i < actual.length; i++) {
      double e = expected.values()[i];
      double limit = bound * Math.sqrt(expected.squares()[i] + e * e);
      if (!(Math.abs(actual[i] - e) <= limit)) {
        fail("%s: element %d is %s, expected %s within %s".formatted(what, i, actual[i], e, limit));
      }
    }
  }

  /** Everything the two directions wrote. */
  List<float[]> written() {
    return List.of(o, lse, dq, dk, dv).stream().map(HostCopy::readFloats).toList();
  }

  void checkGuards() {
    List.of(q, k, v, dO, o, lse, dq, dk, dv).forEach(Samples::checkGuards);
  }

  /** Training segments of these lengths, one after the other, with these parents. */
  static List<Segment> packed(int[] lengths, int[] parents) {
    var list = new ArrayList<Segment>();
    int first = 0;
    for (int i = 0; i < lengths.length; i++) {
      list.add(new Segment(first, lengths[i], first, lengths[i], parents[i]));
      first += lengths[i];
    }
    return list;
  }

  /** Random trees: roots, children and grandchildren, of random lengths up to a bound. */
  static List<Segment> randomTrees(long seed, int count, int longest) {
    var random = new Random(seed);
    var lengths = new int[count];
    var parents = new int[count];
    var depth = new int[count];
    for (int i = 0; i < count; i++) {
      lengths[i] = 1 + random.nextInt(longest);
      parents[i] = random.nextInt(i + 1) - 1;
      if (parents[i] >= 0 && depth[parents[i]] == 2) {
        parents[i] = Segment.NO_PARENT;
      }
      depth[i] = parents[i] < 0 ? 0 : depth[parents[i]] + 1;
    }
    return packed(lengths, parents);
  }
}
