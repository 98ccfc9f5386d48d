package io.gatun.kernels.ops;

import io.gatun.kernels.AttentionDropout;
import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segment;
import io.gatun.kernels.Segments;
import io.gatun.kernels.cpu.CpuCall;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuFrame;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import java.util.List;
import java.util.Optional;

/**
 * Grouped-query attention over packed segments: {@code o = dropout(softmax(scale q kT)) v}. Causal,
 * each query sees the keys of its segment and of the segment's parents up to its own position; in
 * both directions, it sees all keys of its segment. C: gatun_attention_forward,
 * gatun_attention_backward.
 *
 * <p>Scores are never stored: they are formed in tiles, and the backward pass forms them again from
 * {@code lse}. A query's result depends on its own chain of keys only, in bits too: not on threads,
 * nor on what else is in the batch. With BF16, the weights and the gradients of the scores are
 * rounded to BF16 before they are multiplied.
 */
public final class Attention {
  private static final long SHAPE_BYTES = 28;
  private static final long DROPOUT_BYTES = CpuFrame.MATRIX_BYTES + 24;

  private Attention() {}

  /**
   * Attends.
   *
   * @param shape heads, scale, window, soft cap, direction
   * @param dropout of the weights
   * @param segments who sees whom
   * @param q (segments.queryRows(), heads * headDim), F32 or BF16; may be columns of a wider
   *     matrix, as may all others
   * @param k (at least segments.keyRows(), kvHeads * headDim), of q's type
   * @param v as k
   * @param o (query rows, heads * headDim), of q's type, written
   * @param lse (query rows, heads) F32, written: log of the sum of exp(score), without dropout;
   *     -infinity for a query that sees no key
   * @throws IllegalArgumentException when shapes, types or devices differ
   */
  public static void forward(
      AttentionShape shape,
      Optional<AttentionDropout> dropout,
      Segments segments,
      Matrix q,
      Matrix k,
      Matrix v,
      Matrix o,
      Matrix lse) {
    String op = "attention_forward";
    Device device = check(op, shape, segments, q, k, v);
    dropout.ifPresent(drop -> check(op, drop, shape, segments, q));
    Check.same(op, "o", o, q);
    Check.matrix(op, "lse", lse, DType.F32, q.rows(), shape.heads(), q);
    switch (device) {
      case CudaDevice cuda ->
          launch(op, cuda, shape, dropout, segments, q).forward(q, k, v, o, lse);
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.ATTENTION_FORWARD,
              c -> inputs(c, shape, dropout, segments, q, k, v).matrix(o).matrix(lse));
    }
  }

  /**
   * Gradients of {@link #forward}, from what it read and wrote.
   *
   * @param shape as forward
   * @param dropout as forward; the mask is the same
   * @param segments as forward
   * @param q as forward
   * @param k as forward
   * @param v as forward
   * @param o as forward wrote it
   * @param lse as forward wrote it
   * @param dO gradient of o, of its shape and type
   * @param dq gradient of q, written
   * @param dk gradient of k, written in the key rows of all segments: the sum over every query that
   *     sees the key, those of child segments and of all heads of the group included
   * @param dv gradient of v, likewise
   * @throws IllegalArgumentException when shapes, types or devices differ
   */
  public static void backward(
      AttentionShape shape,
      Optional<AttentionDropout> dropout,
      Segments segments,
      Matrix q,
      Matrix k,
      Matrix v,
      Matrix o,
      Matrix lse,
      Matrix dO,
      Matrix dq,
      Matrix dk,
      Matrix dv) {
    String op = "attention_backward";
    Device device = check(op, shape, segments, q, k, v);
    dropout.ifPresent(drop -> check(op, drop, shape, segments, q));
    Check.same(op, "o", o, q);
    Check.matrix(op, "lse", lse, DType.F32, q.rows(), shape.heads(), q);
    Check.same(op, "dO", dO, q);
    Check.same(op, "dq", dq, q);
    Check.same(op, "dk", dk, k);
    Check.same(op, "dv", dv, k);
    switch (device) {
      case CudaDevice cuda ->
          launch(op, cuda, shape, dropout, segments, q).backward(q, k, v, o, lse, dO, dq, dk, dv);
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.ATTENTION_BACKWARD,
              c ->
                  inputs(c, shape, dropout, segments, q, k, v)
                      .matrix(o)
                      .matrix(lse)
                      .matrix(dO)
                      .matrix(dq)
                      .matrix(dk)
                      .matrix(dv));
    }
  }

  private static AttentionLaunch launch(
      String op,
      CudaDevice cuda,
      AttentionShape shape,
      Optional<AttentionDropout> dropout,
      Segments segments,
      Matrix q) {
    return new AttentionLaunch(
        op, cuda, shape, dropout, segments, q.dtype(), CudaDevice.SCRATCH_BYTES);
  }

  private static Device check(
      String op, AttentionShape shape, Segments segments, Matrix q, Matrix k, Matrix v) {
    Device device = Check.compute(op, "q", q);
    int queryColumns = Math.multiplyExact(shape.heads(), shape.headDim());
    Check.matrix(op, "q", q, q.dtype(), segments.queryRows(), queryColumns, q);
    Check.matrix(op, "k", k, q.dtype(), k.rows(), shape.kvHeads() * shape.headDim(), q);
    Check.same(op, "v", v, k);
    Check.ints(op, "segments", segments.table(), segments.table().length(), q);
    if (k.rows() < segments.keyRows()) {
      throw Check.wrong(
          op, "k is %s, the segments need at least %d rows", k.shape(), segments.keyRows());
    }
    if (!shape.causal()) {
      noParents(op, segments.list());
    }
    return device;
  }

  private static void check(
      String op, AttentionDropout dropout, AttentionShape shape, Segments segments, Matrix q) {
    Check.ints(op, "tokenIndex", dropout.tokenIndex(), q.rows(), q);
    if (shape.heads() > AttentionDropout.MAX_HEADS) {
      throw Check.wrong(
          op, "dropout tells %s heads apart, not %s", AttentionDropout.MAX_HEADS, shape.heads());
    }
    if (segments.longestChain() > AttentionDropout.MAX_KEYS) {
      throw Check.wrong(
          op,
          "dropout tells %s keys of a chain apart, not %s",
          AttentionDropout.MAX_KEYS,
          segments.longestChain());
    }
  }

  private static void noParents(String op, List<Segment> segments) {
    for (int i = 0; i < segments.size(); i++) {
      if (segments.get(i).parent() != Segment.NO_PARENT) {
        throw Check.wrong(
            op,
            "segment %s has parent %s; in both directions a segment attends to itself alone, give"
                + " it no parent",
            i,
            segments.get(i).parent());
      }
    }
  }

  private static CpuCall inputs(
      CpuCall c,
      AttentionShape shape,
      Optional<AttentionDropout> dropout,
      Segments segments,
      Matrix q,
      Matrix k,
      Matrix v) {
    long at = c.place(SHAPE_BYTES);
    c.writeInt(at, shape.heads());
    c.writeInt(at + 4, shape.kvHeads());
    c.writeInt(at + 8, shape.headDim());
    c.writeInt(at + 12, shape.window());
    c.writeFloat(at + 16, shape.scale());
    c.writeFloat(at + 20, shape.softCap());
    c.writeInt(at + 24, shape.causal() ? 1 : 0);
    long drop = c.place(DROPOUT_BYTES);
    write(c, drop, dropout);
    return c.struct(at).struct(drop).ints(segments.table()).matrix(q).matrix(k).matrix(v);
  }

  private static void write(CpuCall c, long at, Optional<AttentionDropout> dropout) {
    long rest = at + CpuFrame.MATRIX_BYTES;
    dropout.ifPresentOrElse(drop -> c.writeInts(at, drop.tokenIndex()), () -> c.writeAbsent(at));
    var key = dropout.map(AttentionDropout::key).orElse(new DropoutKey(0, 0, 0));
    c.writeLong(rest, key.seed());
    c.writeDouble(rest + 8, dropout.map(AttentionDropout::p).orElse(0f));
    c.writeInt(rest + 16, key.step());
    c.writeInt(rest + 20, key.word());
  }
}
