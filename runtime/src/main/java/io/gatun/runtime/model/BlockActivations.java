package io.gatun.runtime.model;

import static io.gatun.runtime.model.Projection.DOWN;
import static io.gatun.runtime.model.Projection.OUTPUT;
import static io.gatun.runtime.model.Projection.QKV;
import static io.gatun.runtime.model.Projection.UP;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;

/**
 * What a block makes from its input. Where a family has no norm, the matrices before and after it
 * are the same memory. {@code a}, {@code m} and {@code f} are shared by all blocks: backward makes
 * them again.
 */
final class BlockActivations {
  final Matrix x; // (tokens, hidden) residual before the block
  final Matrix a; // (tokens, hidden) norm of x
  final Matrix qkv; // (tokens, queryCols + 2 keyCols) as projected
  final Matrix qk; // (tokens, queryCols + keyCols) normalised per head and rotated
  final Matrix q; // (tokens, queryCols) of qk
  final Matrix k; // (tokens, keyCols) of qk
  final Matrix v; // (tokens, keyCols) of qkv
  final Matrix o; // (tokens, queryCols) attention, head beside head
  final Matrix p; // (tokens, hidden) output projection of o
  final Matrix h; // (tokens, hidden) residual after attention
  final Matrix m; // (tokens, hidden) norm of h
  final Matrix gu; // (tokens, 2 feedForward) gate | up; backward puts its gradient here
  final Matrix f; // (tokens, feedForward) activation(gate) * up
  final Matrix d; // (tokens, hidden) down projection of f
  final Matrix y; // (tokens, hidden) residual after the block
  final Matrix lse; // (tokens, heads) logarithm of the sum of exponentials of the scores
  final Matrix rstdX; // (tokens, 1) 1 / rms(x); those below likewise
  final Matrix rstdQ; // (tokens, heads)
  final Matrix rstdK; // (tokens, kvHeads)
  final Matrix rstdP; // (tokens, 1)
  final Matrix rstdH; // (tokens, 1)
  final Matrix rstdD; // (tokens, 1)

  /** Views of one block's memory. */
  BlockActivations(Slab slab, String block, DecoderConfig c, int tokens, Matrix x, Matrix y) {
    this.x = x;
    this.a = slab.matrix("a", tokens);
    this.qkv = slab.matrix(block + "qkv", tokens);
    int rotated = c.queryCols() + c.keyCols();
    this.qk = c.headNorms() ? slab.matrix(block + "qk", tokens) : qkv.colSlice(0, rotated);
    this.q = qk.colSlice(0, c.queryCols());
    this.k = qk.colSlice(c.queryCols(), c.keyCols());
    this.v = qkv.colSlice(rotated, c.keyCols());
    this.o = slab.matrix(block + "o", tokens);
    this.h = slab.matrix(block + "h", tokens);
    this.p = c.sandwichNorms() ? slab.matrix(block + "p", tokens) : h;
    this.m = a;
    this.gu = slab.matrix(block + "gu", tokens);
    this.f = slab.matrix("f", tokens);
    this.y = y;
    this.d = c.sandwichNorms() ? slab.matrix(block + "d", tokens) : y;
    this.lse = slab.matrix(block + "lse", tokens);
    this.rstdX = slab.matrix(block + "rstdX", tokens);
    this.rstdQ = c.headNorms() ? slab.matrix(block + "rstdQ", tokens) : rstdX;
    this.rstdK = c.headNorms() ? slab.matrix(block + "rstdK", tokens) : rstdX;
    this.rstdH = slab.matrix(block + "rstdH", tokens);
    this.rstdP = c.sandwichNorms() ? slab.matrix(block + "rstdP", tokens) : rstdH;
    this.rstdD = c.sandwichNorms() ? slab.matrix(block + "rstdD", tokens) : rstdH;
  }

  /** Enters what one block keeps. */
  static void plan(SliceTable table, String block, PassShape s, DecoderConfig c) {
    table.add(block + "qkv", s.dtype(), s.tokens(), c.outputCols(QKV));
    table.add(block + "o", s.dtype(), s.tokens(), c.queryCols(), s.room(OUTPUT));
    table.add(block + "h", s.dtype(), s.tokens(), c.hidden());
    table.add(block + "gu", s.dtype(), s.tokens(), c.outputCols(UP), s.gradientRoom(UP));
    table.add(block + "lse", DType.F32, s.tokens(), c.heads());
    table.add(block + "rstdX", DType.F32, s.tokens(), 1);
    table.add(block + "rstdH", DType.F32, s.tokens(), 1);
    if (c.headNorms()) {
      table.add(block + "qk", s.dtype(), s.tokens(), c.queryCols() + c.keyCols());
      table.add(block + "rstdQ", DType.F32, s.tokens(), c.heads());
      table.add(block + "rstdK", DType.F32, s.tokens(), c.kvHeads());
    }
    if (c.sandwichNorms()) {
      table.add(block + "p", s.dtype(), s.tokens(), c.hidden());
      table.add(block + "d", s.dtype(), s.tokens(), c.hidden());
      table.add(block + "rstdP", DType.F32, s.tokens(), 1);
      table.add(block + "rstdD", DType.F32, s.tokens(), 1);
    }
  }

  /** Enters what all blocks share. */
  static void planShared(SliceTable table, PassShape s, DecoderConfig c) {
    table.add("a", s.dtype(), s.tokens(), c.hidden(), s.room(QKV, UP));
    table.add("f", s.dtype(), s.tokens(), c.feedForward(), s.room(DOWN));
  }
}
