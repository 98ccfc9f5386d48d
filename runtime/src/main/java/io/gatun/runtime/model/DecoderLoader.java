package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Weight;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.WeightLoader;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.runtime.adapter.LoraLinear;
import io.gatun.runtime.model.BlockWeights.HeadNorms;
import io.gatun.runtime.model.BlockWeights.SandwichNorms;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Brings a checkpoint onto a device: all names and shapes are checked first, then each tensor is
 * loaded once.
 */
final class DecoderLoader {
  private final Checkpoint checkpoint;
  private final WeightFormat format;
  private final DType compute;
  private final Device device;
  private final Arena arena;
  private final DecoderConfig config;
  private final WeightLoader loader;

  DecoderLoader(
      Checkpoint checkpoint, WeightFormat format, DType compute, Device device, Arena arena) {
    if (compute == DType.F16) {
      throw new IllegalArgumentException("the compute type is F32 or BF16, not F16");
    }
    this.checkpoint = checkpoint;
    this.format = format;
    this.compute = compute;
    this.device = device;
    this.arena = arena;
    this.config = DecoderConfig.of(checkpoint);
    this.loader = new WeightLoader(checkpoint, device, arena);
  }

  Decoder load() {
    var problems = TensorCheck.problems(checkpoint, config);
    if (!problems.isEmpty()) {
      throw new CheckpointException(checkpoint.path(), problems);
    }
    Matrix embedding = loader.matrix(WeightNames.weight(WeightNames.EMBEDDING), compute);
    var blocks = IntStream.range(0, config.layers()).mapToObj(this::block).toList();
    return new Decoder(config, embedding, blocks, norm(WeightNames.FINAL_NORM), head(embedding));
  }

  private Weight head(Matrix embedding) {
    if (config.tiedHead()) {
      return embedding;
    }
    String name = WeightNames.weight(WeightNames.HEAD);
    return checkpoint.fourBit(name).isPresent()
        ? loader.weight(List.of(name), WeightFormat.asStored())
        : loader.matrix(name, compute);
  }

  private BlockWeights block(int layer) {
    boolean sandwich = config.sandwichNorms();
    return new BlockWeights(
        norm(layer, WeightNames.INPUT_NORM),
        product(layer, Projection.QKV),
        config.headNorms()
            ? Optional.of(
                new HeadNorms(
                    norm(layer, WeightNames.QUERY_NORM), norm(layer, WeightNames.KEY_NORM)))
            : Optional.empty(),
        product(layer, Projection.OUTPUT),
        norm(layer, sandwich ? WeightNames.PRE_FEED_FORWARD_NORM : WeightNames.POST_ATTENTION_NORM),
        product(layer, Projection.UP),
        config.activation(),
        product(layer, Projection.DOWN),
        sandwich
            ? Optional.of(
                new SandwichNorms(
                    norm(layer, WeightNames.POST_ATTENTION_NORM),
                    norm(layer, WeightNames.POST_FEED_FORWARD_NORM)))
            : Optional.empty());
  }

  private LoraLinear product(int layer, Projection projection) {
    var paths = config.linearLayers(layer, projection).stream().map(LinearLayer::path).toList();
    var weight = loader.weight(paths.stream().map(WeightNames::weight).toList(), format);
    return new LoraLinear(
        weight, config.hasBias(projection) ? Optional.of(bias(paths, weight)) : Optional.empty());
  }

  /** Biases of siblings side by side. */
  private Matrix bias(List<String> paths, Weight weight) {
    Matrix bias = Matrix.allocate(device, "base.biases", DType.F32, 1, weight.rows(), arena);
    int first = 0;
    for (String path : paths) {
      float[] values = checkpoint.readFloats(WeightNames.bias(path));
      HostCopy.write(bias.colSlice(first, values.length), values);
      first += values.length;
    }
    return bias;
  }

  private Norm norm(int layer, String name) {
    return norm(WeightNames.inBlock(layer, name));
  }

  private Norm norm(String module) {
    float[] values = checkpoint.readFloats(WeightNames.weight(module));
    Matrix gamma = Matrix.allocate(device, "base.norms", DType.F32, 1, values.length, arena);
    HostCopy.write(gamma, values);
    return new Norm(gamma, config.normOffset(), config.normEps());
  }
}
