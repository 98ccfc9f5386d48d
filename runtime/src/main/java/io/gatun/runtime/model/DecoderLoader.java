package io.gatun.runtime.model;

import io.gatun.kernels.Matrix;
import io.gatun.quant.WeightFormat;
import io.gatun.runtime.model.BlockWeights.HeadNorms;
import io.gatun.runtime.model.BlockWeights.SandwichNorms;
import java.util.Optional;
import java.util.stream.IntStream;

/** Builds a decoder from its loaded parts. */
final class DecoderLoader {
  private final DecoderConfig config;
  private final WeightFormat format;
  private final LayerSource source;

  DecoderLoader(DecoderConfig config, WeightFormat format, LayerSource source) {
    this.config = config;
    this.format = format;
    this.source = source;
  }

  Decoder load() {
    Matrix embedding = source.table(WeightNames.EMBEDDING);
    var blocks = IntStream.range(0, config.layers()).mapToObj(this::block).toList();
    var head = config.tiedHead() ? embedding : source.weight(WeightNames.HEAD);
    return new Decoder(config, embedding, blocks, norm(WeightNames.FINAL_NORM), head);
  }

  private BlockWeights block(int layer) {
    boolean sandwich = config.sandwichNorms();
    return new BlockWeights(
        norm(layer, WeightNames.INPUT_NORM),
        source.product(layer, Projection.QKV, format),
        config.headNorms()
            ? Optional.of(
                new HeadNorms(
                    norm(layer, WeightNames.QUERY_NORM), norm(layer, WeightNames.KEY_NORM)))
            : Optional.empty(),
        source.product(layer, Projection.OUTPUT, format),
        norm(layer, sandwich ? WeightNames.PRE_FEED_FORWARD_NORM : WeightNames.POST_ATTENTION_NORM),
        source.product(layer, Projection.UP, format),
        config.activation(),
        source.product(layer, Projection.DOWN, format),
        sandwich
            ? Optional.of(
                new SandwichNorms(
                    norm(layer, WeightNames.POST_ATTENTION_NORM),
                    norm(layer, WeightNames.POST_FEED_FORWARD_NORM)))
            : Optional.empty());
  }

  private Norm norm(int layer, String name) {
    return norm(WeightNames.inBlock(layer, name));
  }

  private Norm norm(String module) {
    var gamma = source.vector(WeightNames.weight(module));
    return new Norm(gamma, config.normOffset(), config.normEps());
  }
}
