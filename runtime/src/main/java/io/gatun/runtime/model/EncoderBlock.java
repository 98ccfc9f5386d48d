package io.gatun.runtime.model;

import static io.gatun.runtime.model.Projection.DOWN;
import static io.gatun.runtime.model.Projection.OUTPUT;
import static io.gatun.runtime.model.Projection.QKV;
import static io.gatun.runtime.model.Projection.UP;

import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Activate;
import io.gatun.kernels.ops.Add;
import io.gatun.kernels.ops.Attention;

/**
 * One block of an encoder; each half normalises what it has added. Backward reads as forward upside
 * down; a {@code d} in front of a name is its gradient.
 */
final class EncoderBlock {
  private EncoderBlock() {}

  /** y = norm(h + drop(feedForward(h))), h = norm(x + drop(attention(x))). */
  static void forward(EncoderBlockWeights w, EncoderBlockPass pass) {
    var s = pass.activations();

    w.qkv().forward(s.x, pass.delta(QKV), s.qkv);
    Attention.forward(
        pass.shape(), pass.weightsDropout(), pass.segments(), s.q, s.k, s.v, s.o, s.lse);
    w.output().forward(s.o, pass.delta(OUTPUT), s.p);
    pass.outputDropout().ifPresent(drop -> drop.forward(s.p));
    Add.run(s.x, s.p);
    w.attentionNorm().forward(s.p, s.h, s.meanP, s.rstdP);

    w.up().forward(s.h, pass.delta(UP), s.u);
    Activate.forward(w.activation(), s.u, s.f);
    w.down().forward(s.f, pass.delta(DOWN), s.d);
    pass.downDropout().ifPresent(drop -> drop.forward(s.d));
    Add.run(s.h, s.d);
    w.outputNorm().forward(s.d, s.y, s.meanD, s.rstdD);
  }

  /**
   * dx from dy, in place: the gradient of y, d, h, p and x in turn. Gradients of adapters are added
   * to theirs.
   */
  static void backward(EncoderBlockWeights w, EncoderBlockPass pass, EncoderGradients g) {
    var s = pass.activations();

    w.outputNorm().backward(g.dx, s.d, s.meanD, s.rstdD, g.dx);
    Activate.forward(w.activation(), s.u, s.f);
    Matrix dDown = pass.downDropout().map(drop -> drop.backward(g.dx, g.da)).orElse(g.dx);
    w.down().backward(dDown, s.f, pass.delta(DOWN), g.df);
    Activate.backward(w.activation(), s.u, g.df, g.df);
    w.attentionNorm().forward(s.p, s.h, s.meanP, s.rstdP);
    w.up().backward(g.df, s.h, pass.delta(UP), g.da);
    Add.run(g.da, g.dx);

    w.attentionNorm().backward(g.dx, s.p, s.meanP, s.rstdP, g.dx);
    Matrix dOutput = pass.outputDropout().map(drop -> drop.backward(g.dx, g.da)).orElse(g.dx);
    w.output().backward(dOutput, s.o, pass.delta(OUTPUT), g.dO);
    Attention.backward(
        pass.shape(),
        pass.weightsDropout(),
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
    w.qkv().backward(g.dqkv, s.x, pass.delta(QKV), g.da);
    Add.run(g.da, g.dx);
  }
}
