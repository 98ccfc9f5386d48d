package io.gatun.runtime.model;

import static io.gatun.runtime.model.Projection.DOWN;
import static io.gatun.runtime.model.Projection.OUTPUT;
import static io.gatun.runtime.model.Projection.QKV;

import io.gatun.kernels.Matrix;

/**
 * Gradients inside a block, shared by all blocks. Those of {@code gate | up} take the place of
 * their activations.
 */
final class BlockGradients {
  final Matrix dx; // (tokens, hidden) of the residual: y, then h, then x, in place
  final Matrix
      dd; // (tokens, hidden) of the down projection; without a norm behind it the same memory as dx
  final Matrix dp; // (tokens, hidden) of the output projection; likewise
  final Matrix df; // (tokens, feedForward)
  final Matrix da; // (tokens, hidden) of a norm's output
  final Matrix dO; // (tokens, queryCols)
  final Matrix dqkv; // (tokens, queryCols + 2 keyCols)
  final Matrix dqk; // (tokens, queryCols + keyCols) of dqkv
  final Matrix dq; // (tokens, queryCols) of dqkv
  final Matrix dk; // (tokens, keyCols) of dqkv
  final Matrix dv; // (tokens, keyCols) of dqkv

  /** Views of the memory. */
  BlockGradients(Slab slab, DecoderConfig c, int tokens) {
    this.dx = slab.matrix("dx", tokens);
    this.dp = c.sandwichNorms() ? slab.matrix("dp", tokens) : dx;
    this.dd = dp;
    this.df = slab.matrix("df", tokens);
    this.da = slab.matrix("da", tokens);
    this.dO = slab.matrix("do", tokens);
    this.dqkv = slab.matrix("dqkv", tokens);
    this.dqk = dqkv.colSlice(0, c.queryCols() + c.keyCols());
    this.dq = dqkv.colSlice(0, c.queryCols());
    this.dk = dqkv.colSlice(c.queryCols(), c.keyCols());
    this.dv = dqkv.colSlice(c.queryCols() + c.keyCols(), c.keyCols());
  }

  /** Enters all of them. */
  static void plan(SliceTable table, PassShape s, DecoderConfig c) {
    int room = s.gradientRoom(DOWN, OUTPUT);
    table.add("dx", s.dtype(), s.tokens(), c.hidden(), c.sandwichNorms() ? 0 : room);
    if (c.sandwichNorms()) {
      table.add("dp", s.dtype(), s.tokens(), c.hidden(), room);
    }
    table.add("df", s.dtype(), s.tokens(), c.feedForward());
    table.add("da", s.dtype(), s.tokens(), c.hidden());
    table.add("do", s.dtype(), s.tokens(), c.queryCols());
    table.add("dqkv", s.dtype(), s.tokens(), c.outputCols(QKV), s.gradientRoom(QKV));
  }
}
