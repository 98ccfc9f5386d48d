package io.gatun.runtime.model;

import static io.gatun.runtime.model.Projection.DOWN;
import static io.gatun.runtime.model.Projection.OUTPUT;
import static io.gatun.runtime.model.Projection.QKV;
import static io.gatun.runtime.model.Projection.UP;

import io.gatun.kernels.Matrix;

/** Gradients inside an encoder's block, shared by all blocks. */
final class EncoderGradients {
  final Matrix dx; // (tokens, hidden) of y, then d, h, p and x, in place
  final Matrix df; // (tokens, feedForward) of f, then of u
  final Matrix da; // (tokens, hidden) of what a product read; before that, of what it gave, dropped
  final Matrix dO; // (tokens, hidden)
  final Matrix dqkv; // (tokens, 3 hidden)
  final Matrix dq; // (tokens, hidden) of dqkv
  final Matrix dk; // (tokens, hidden) of dqkv
  final Matrix dv; // (tokens, hidden) of dqkv

  /** Views of the memory. */
  EncoderGradients(Slab slab, int tokens) {
    this.dx = slab.matrix("dx", tokens);
    this.df = slab.matrix("df", tokens);
    this.da = slab.matrix("da", tokens);
    this.dO = slab.matrix("do", tokens);
    this.dqkv = slab.matrix("dqkv", tokens);
    this.dq = dqkv.colSlice(0, dx.cols());
    this.dk = dqkv.colSlice(dx.cols(), dx.cols());
    this.dv = dqkv.colSlice(2 * dx.cols(), dx.cols());
  }

  /** Enters all of them. */
  static void plan(SliceTable table, PassShape s, EncoderConfig c) {
    int room = s.gradientRoom(DOWN, OUTPUT);
    table.add("dx", s.dtype(), s.tokens(), c.hidden(), room);
    table.add("df", s.dtype(), s.tokens(), c.feedForward(), s.gradientRoom(UP));
    table.add("da", s.dtype(), s.tokens(), c.hidden(), room);
    table.add("do", s.dtype(), s.tokens(), c.hidden());
    table.add("dqkv", s.dtype(), s.tokens(), c.outputCols(QKV), s.gradientRoom(QKV));
  }
}
