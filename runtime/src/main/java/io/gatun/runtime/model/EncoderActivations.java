package io.gatun.runtime.model;

import static io.gatun.runtime.model.Projection.DOWN;
import static io.gatun.runtime.model.Projection.OUTPUT;
import static io.gatun.runtime.model.Projection.QKV;
import static io.gatun.runtime.model.Projection.UP;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;

/**
 * What an encoder's block makes from its input. {@code h} and {@code f} are shared by all blocks:
 * backward makes them again.
 */
final class EncoderActivations {
  final Matrix x; // (tokens, hidden) input of the block
  final Matrix qkv; // (tokens, 3 hidden) as projected
  final Matrix q; // (tokens, hidden) of qkv
  final Matrix k; // (tokens, hidden) of qkv
  final Matrix v; // (tokens, hidden) of qkv
  final Matrix o; // (tokens, hidden) attention, head beside head
  final Matrix p; // (tokens, hidden) x + dropped output projection of o
  final Matrix h; // (tokens, hidden) norm of p
  final Matrix u; // (tokens, feedForward) up projection of h
  final Matrix f; // (tokens, feedForward) activation of u
  final Matrix d; // (tokens, hidden) h + dropped down projection of f
  final Matrix y; // (tokens, hidden) norm of d
  final Matrix lse; // (tokens, heads) logarithm of the sum of exponentials of the scores
  final Matrix meanP; // (tokens, 1) mean of p
  final Matrix rstdP; // (tokens, 1) 1 / deviation of p
  final Matrix meanD; // (tokens, 1) mean of d
  final Matrix rstdD; // (tokens, 1) 1 / deviation of d

  /** Views of one block's memory. */
  EncoderActivations(Slab slab, String block, int tokens, Matrix x, Matrix y) {
    int hidden = x.cols();
    this.x = x;
    this.qkv = slab.matrix(block + "qkv", tokens);
    this.q = qkv.colSlice(0, hidden);
    this.k = qkv.colSlice(hidden, hidden);
    this.v = qkv.colSlice(2 * hidden, hidden);
    this.o = slab.matrix(block + "o", tokens);
    this.p = slab.matrix(block + "p", tokens);
    this.h = slab.matrix("h", tokens);
    this.u = slab.matrix(block + "u", tokens);
    this.f = slab.matrix("f", tokens);
    this.d = slab.matrix(block + "d", tokens);
    this.y = y;
    this.lse = slab.matrix(block + "lse", tokens);
    this.meanP = slab.matrix(block + "meanP", tokens);
    this.rstdP = slab.matrix(block + "rstdP", tokens);
    this.meanD = slab.matrix(block + "meanD", tokens);
    this.rstdD = slab.matrix(block + "rstdD", tokens);
  }

  /** Enters what one block keeps. */
  static void plan(SliceTable table, String block, PassShape s, EncoderConfig c) {
    table.add(block + "qkv", s.dtype(), s.tokens(), c.outputCols(QKV));
    table.add(block + "o", s.dtype(), s.tokens(), c.hidden(), s.room(OUTPUT));
    table.add(block + "p", s.dtype(), s.tokens(), c.hidden());
    table.add(block + "u", s.dtype(), s.tokens(), c.feedForward());
    table.add(block + "d", s.dtype(), s.tokens(), c.hidden());
    table.add(block + "lse", DType.F32, s.tokens(), c.heads());
    table.add(block + "meanP", DType.F32, s.tokens(), 1);
    table.add(block + "rstdP", DType.F32, s.tokens(), 1);
    table.add(block + "meanD", DType.F32, s.tokens(), 1);
    table.add(block + "rstdD", DType.F32, s.tokens(), 1);
  }

  /** Enters what all blocks share. */
  static void planShared(SliceTable table, PassShape s, EncoderConfig c) {
    table.add("h", s.dtype(), s.tokens(), c.hidden(), s.room(UP));
    table.add("f", s.dtype(), s.tokens(), c.feedForward(), s.room(DOWN));
  }
}
