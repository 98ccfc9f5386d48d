package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.ops.Add;
import io.gatun.kernels.ops.Embedding;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.Merge;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * An encoder: embeddings of words, types and positions, and blocks in which every token sees its
 * whole sequence. Immutable after load and shared by threads, passes and adapters. It is used as
 * the backbone of a {@link Classifier}.
 */
public final class Encoder implements Backbone {
  private final EncoderConfig config;
  private final Matrix words; // (vocabulary, hidden), compute type, as the other tables
  private final Matrix positions; // (positions, hidden)
  private final Optional<Matrix> types; // (tokenTypes, hidden)
  private final CenteredNorm embeddingNorm;
  private final List<EncoderBlockWeights> blocks;

  Encoder(
      EncoderConfig config,
      Matrix words,
      Matrix positions,
      Optional<Matrix> types,
      CenteredNorm embeddingNorm,
      List<EncoderBlockWeights> blocks) {
    this.config = config;
    this.words = words;
    this.positions = positions;
    this.types = types;
    this.embeddingNorm = embeddingNorm;
    this.blocks = blocks.stream().map(EncoderBlockWeights::exactly).toList();
  }

  /**
   * Loads a model; heads in its files are left where they are.
   *
   * @param checkpoint its files, with or without the prefix of the encoder
   * @param format how the linear layers of the blocks are kept
   * @param compute F32 or BF16: type of activations and embeddings
   * @param device where
   * @param arena owns the weights
   * @return the model
   */
  public static Encoder load(
      Checkpoint checkpoint, WeightFormat format, DType compute, Device device, Arena arena) {
    var config = EncoderConfig.of(checkpoint);
    var loader = new LayerLoader(config.named(checkpoint), config, compute, device, arena);
    return new EncoderLoader(config, format, loader).load();
  }

  /** The model with an adapter merged into the weights of its blocks, as of a decoder. */
  Encoder merged(LoraAdapter adapter, WeightFormat format, Arena arena) {
    var merged = new ArrayList<EncoderBlockWeights>();
    for (int layer = 0; layer < blocks.size(); layer++) {
      var block = blocks.get(layer);
      merged.add(block.with(Merge.block(config, layer, block::product, adapter, format, arena)));
    }
    return new Encoder(config, words, positions, types, embeddingNorm, merged);
  }

  /** The model whose training drops nothing of the base. */
  Encoder withoutDropout() {
    return new Encoder(config.withoutDropout(), words, positions, types, embeddingNorm, blocks);
  }

  /** x(0) = drop(norm(words + types + positions)); x(l + 1) = block l of x(l). */
  void forward(EncoderPass pass) {
    var inputs = pass.pass();
    var memory = inputs.memory();
    Matrix x = inputs.x(0);
    Matrix part = memory.matrix("h", inputs.tokens());
    Embedding.forward(words, inputs.ids(), 1, x);
    types.ifPresent(table -> {
      Embedding.forward(table, pass.types(), 1, part);
      Add.run(part, x);
    });
    Embedding.forward(positions, pass.positions(), 1, part);
    Add.run(part, x);
    embeddingNorm.forward(
        x, x, memory.matrix("meanE", inputs.tokens()), memory.matrix("rstdE", inputs.tokens()));
    pass.embeddingDropout().ifPresent(drop -> drop.forward(x));
    for (int layer = 0; layer < blocks.size(); layer++) {
      EncoderBlock.forward(blocks.get(layer), pass.block(layer));
    }
  }

  /** dx(l) from dx(l + 1) in place, down to the first block that has an adapter. */
  void backward(EncoderPass pass, EncoderGradients gradients) {
    var inputs = pass.pass();
    for (int layer = blocks.size() - 1; layer >= inputs.firstTrained(); layer--) {
      var block = pass.block(layer);
      if (!inputs.kept(layer)) {
        EncoderBlock.forward(blocks.get(layer), block);
      }
      EncoderBlock.backward(blocks.get(layer), block, gradients);
    }
  }

  @Override
  public EncoderConfig config() {
    return config;
  }

  @Override
  public DType compute() {
    return words.dtype();
  }

  @Override
  public boolean isFourBit() {
    return blocks.getFirst().product(Projection.QKV).weight() instanceof Nf4Matrix;
  }

  @Override
  public Encoder decoded(int count, LoraAdapter adapter, Arena arena) {
    var ranks = PassShape.ranks(List.of(adapter));
    var decoded = new ArrayList<>(blocks);
    decoded
        .subList(blocks.size() - count, blocks.size())
        .replaceAll(block -> block.with(DecodedBlocks.of(block::product, compute(), ranks, arena)));
    return new Encoder(config, words, positions, types, embeddingNorm, decoded);
  }

  @Override
  public Device device() {
    return words.buffer().device();
  }
}
