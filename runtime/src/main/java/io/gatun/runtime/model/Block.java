package io.gatun.runtime.model;

import static io.gatun.runtime.model.Projection.DOWN;
import static io.gatun.runtime.model.Projection.OUTPUT;
import static io.gatun.runtime.model.Projection.QKV;
import static io.gatun.runtime.model.Projection.UP;

import io.gatun.kernels.ops.Add;
import io.gatun.kernels.ops.Attention;
import io.gatun.kernels.ops.Glu;
import io.gatun.kernels.ops.Rope;

/**
 * One block of a decoder. Backward reads as forward upside down; a {@code d} in front of a name is
 * its gradient.
 */
final class Block {
  private Block() {}

  /** y = h + feedForward(h), h = x + attention(x). */
  static void forward(BlockWeights w, BlockPass pass) {
    var s = pass.activations();

    w.inputNorm().forward(s.x, s.a, s.rstdX);
    w.qkv().forward(s.a, pass.delta(QKV), s.qkv);
    w.headNorms().ifPresent(norms -> norms.forward(s));
    Rope.forward(s.qk, pass.cos(), pass.sin(), pass.shape().headDim());
    var keys = pass.storeKeys();
    Attention.forward(
        pass.shape(), pass.dropout(), pass.segments(), s.q, keys.k(), keys.v(), s.o, s.lse);
    if (w.sandwichNorms().isPresent()) {
      w.output().forward(s.o, pass.delta(OUTPUT), s.p);
      w.sandwichNorms().get().attention().forward(s.p, s.h, s.rstdP);
      Add.run(s.x, s.h);
    } else {
      w.output().forwardPlus(s.o, pass.delta(OUTPUT), s.x, s.h);
    }

    w.feedForwardNorm().forward(s.h, s.m, s.rstdH);
    if (pass.cache().isPresent()) { // nobody asks for gate and up again
      w.gateUp().forwardGlu(s.m, pass.delta(UP), w.activation(), s.gu, s.f);
    } else {
      w.gateUp().forward(s.m, pass.delta(UP), s.gu);
      Glu.forward(w.activation(), s.gu, s.f);
    }
    if (w.sandwichNorms().isPresent()) {
      w.down().forward(s.f, pass.delta(DOWN), s.d);
      w.sandwichNorms().get().feedForward().forward(s.d, s.y, s.rstdD);
      Add.run(s.h, s.y);
    } else {
      w.down().forwardPlus(s.f, pass.delta(DOWN), s.h, s.y);
    }
  }

  /** dx from dy, in place; gradients of adapters are added to theirs. */
  static void backward(BlockWeights w, BlockPass pass, BlockGradients g) {
    var s = pass.activations();

    w.sandwichNorms().ifPresent(norms -> norms.feedForward().backward(g.dx, s.d, s.rstdD, g.dd));
    Glu.forward(w.activation(), s.gu, s.f);
    w.down().backward(g.dd, s.f, pass.delta(DOWN), g.df);
    Glu.backward(w.activation(), s.gu, g.df, s.gu);
    w.feedForwardNorm().forward(s.h, s.m, s.rstdH);
    w.gateUp().backward(s.gu, s.m, pass.delta(UP), g.da);
    w.feedForwardNorm().backwardSum(g.da, s.h, s.rstdH, g.dx);

    w.sandwichNorms().ifPresent(norms -> norms.attention().backward(g.dx, s.p, s.rstdP, g.dp));
    w.output().backward(g.dp, s.o, pass.delta(OUTPUT), g.dO);
    Attention.backward(
        pass.shape(),
        pass.dropout(),
        pass.segments(),
        s.q,
        s.k,
        s.v,
        s.o,
        s.lse,
        g.dO,
        g.dq,
        g.dk,
        g.dv);
    Rope.backward(g.dqk, pass.cos(), pass.sin(), pass.shape().headDim());
    w.headNorms().ifPresent(norms -> norms.backward(s, g));
    w.inputNorm().forward(s.x, s.a, s.rstdX);
    w.qkv().backward(g.dqkv, s.a, pass.delta(QKV), g.da);
    w.inputNorm().backwardSum(g.da, s.x, s.rstdX, g.dx);
  }
}
