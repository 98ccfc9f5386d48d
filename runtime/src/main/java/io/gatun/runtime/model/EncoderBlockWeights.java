package io.gatun.runtime.model;

import io.gatun.kernels.Activation;
import io.gatun.runtime.adapter.LoraLinear;
import java.util.Map;
import java.util.Objects;

/**
 * The frozen weights of an encoder's block.
 *
 * @param qkv q above k above v
 * @param output of attention
 * @param attentionNorm after attention and its residual
 * @param up into the feed-forward part
 * @param activation of the feed-forward part
 * @param down out of it
 * @param outputNorm after it and its residual
 */
record EncoderBlockWeights(
    LoraLinear qkv,
    LoraLinear output,
    CenteredNorm attentionNorm,
    LoraLinear up,
    Activation activation,
    LoraLinear down,
    CenteredNorm outputNorm) {

  LoraLinear product(Projection projection) {
    return switch (projection) {
      case QKV -> qkv;
      case OUTPUT -> output;
      case UP -> up;
      case DOWN -> down;
    };
  }

  /** As {@link LoraLinear#exactly}. */
  EncoderBlockWeights exactly() {
    return new EncoderBlockWeights(
        qkv.exactly(),
        output.exactly(),
        attentionNorm,
        up.exactly(),
        activation,
        down.exactly(),
        outputNorm);
  }

  /** The same norms with other products. */
  EncoderBlockWeights with(Map<Projection, LoraLinear> products) {
    return new EncoderBlockWeights(
        Objects.requireNonNull(products.get(Projection.QKV)),
        Objects.requireNonNull(products.get(Projection.OUTPUT)),
        attentionNorm,
        Objects.requireNonNull(products.get(Projection.UP)),
        activation,
        Objects.requireNonNull(products.get(Projection.DOWN)),
        outputNorm);
  }
}
