package io.gatun.runtime.model;

import io.gatun.kernels.Matrix;
import io.gatun.quant.WeightFormat;
import java.util.Optional;
import java.util.stream.IntStream;

/** Builds an encoder from its loaded parts. */
final class EncoderLoader {
  private final EncoderConfig config;
  private final WeightFormat format;
  private final LayerLoader loader;

  EncoderLoader(EncoderConfig config, WeightFormat format, LayerLoader loader) {
    this.config = config;
    this.format = format;
    this.loader = loader;
  }

  Encoder load() {
    var names = config.names();
    Optional<Matrix> types =
        config.tokenTypes() > 0 ? Optional.of(loader.table(names.types())) : Optional.empty();
    return new Encoder(
        config,
        loader.table(names.words()),
        loader.table(names.positions()),
        types,
        norm(names.embeddingNorm()),
        IntStream.range(0, config.layers()).mapToObj(this::block).toList());
  }

  private EncoderBlockWeights block(int layer) {
    var names = config.names();
    return new EncoderBlockWeights(
        loader.product(layer, Projection.QKV, format),
        loader.product(layer, Projection.OUTPUT, format),
        norm(names.inBlock(layer, names.attentionNorm())),
        loader.product(layer, Projection.UP, format),
        config.activation(),
        loader.product(layer, Projection.DOWN, format),
        norm(names.inBlock(layer, names.outputNorm())));
  }

  private CenteredNorm norm(String module) {
    return new CenteredNorm(
        loader.vector(WeightNames.weight(module)),
        loader.vector(WeightNames.bias(module)),
        config.normEps());
  }
}
