package io.gatun.runtime.model;

import io.gatun.kernels.Activation;
import io.gatun.runtime.adapter.LoraLinear;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The frozen weights of a block.
 *
 * @param inputNorm before attention
 * @param qkv q above k above v
 * @param headNorms of query and key heads, in families that have them
 * @param output of attention
 * @param feedForwardNorm before the feed-forward part
 * @param gateUp gate above up
 * @param activation of the gate
 * @param down of the feed-forward part
 * @param sandwichNorms after attention and feed-forward, in families that have them
 */
record BlockWeights(
    Norm inputNorm,
    LoraLinear qkv,
    Optional<HeadNorms> headNorms,
    LoraLinear output,
    Norm feedForwardNorm,
    LoraLinear gateUp,
    Activation activation,
    LoraLinear down,
    Optional<SandwichNorms> sandwichNorms) {

  /**
   * Norms within each head, before rotation.
   *
   * @param query of query heads
   * @param key of key heads
   */
  record HeadNorms(Norm query, Norm key) {

    void forward(BlockActivations s) {
      int queryCols = s.q.cols();
      query.forward(s.qkv.colSlice(0, queryCols), s.q, s.rstdQ);
      key.forward(s.qkv.colSlice(queryCols, s.k.cols()), s.k, s.rstdK);
    }

    void backward(BlockActivations s, BlockGradients g) {
      int queryCols = s.q.cols();
      query.backward(g.dq, s.qkv.colSlice(0, queryCols), s.rstdQ, g.dq);
      key.backward(g.dk, s.qkv.colSlice(queryCols, s.k.cols()), s.rstdK, g.dk);
    }
  }

  /**
   * Norms of what is added to the residual.
   *
   * @param attention after attention
   * @param feedForward after the feed-forward part
   */
  record SandwichNorms(Norm attention, Norm feedForward) {}

  LoraLinear product(Projection projection) {
    return switch (projection) {
      case QKV -> qkv;
      case OUTPUT -> output;
      case UP -> gateUp;
      case DOWN -> down;
    };
  }

  /** As {@link LoraLinear#exactly}. */
  BlockWeights exactly() {
    return new BlockWeights(
        inputNorm,
        qkv.exactly(),
        headNorms,
        output.exactly(),
        feedForwardNorm,
        gateUp.exactly(),
        activation,
        down.exactly(),
        sandwichNorms);
  }

  /** The same norms with other products. */
  BlockWeights with(Map<Projection, LoraLinear> products) {
    return new BlockWeights(
        inputNorm,
        Objects.requireNonNull(products.get(Projection.QKV)),
        headNorms,
        Objects.requireNonNull(products.get(Projection.OUTPUT)),
        feedForwardNorm,
        Objects.requireNonNull(products.get(Projection.UP)),
        activation,
        Objects.requireNonNull(products.get(Projection.DOWN)),
        sandwichNorms);
  }
}
