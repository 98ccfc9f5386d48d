package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.Embedding;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.Merge;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/**
 * A causal language model: embedding, blocks, norm, head. Immutable after load and shared by
 * threads, passes and adapters; what changes belongs to the passes: {@link TrainPass}, {@link
 * EvalPass}, {@link DecodePass}.
 */
public final class Decoder implements Backbone {
  private final DecoderConfig config;
  private final Matrix embedding; // (vocabulary, hidden), compute type
  private final List<BlockWeights> blocks; // as decoding takes them
  private final List<BlockWeights> exactBlocks; // as all other passes do
  private final Norm finalNorm;
  private final Weight head; // (vocabulary, hidden); the embedding where tied
  private final Rotations rotations;

  Decoder(
      DecoderConfig config,
      Matrix embedding,
      List<BlockWeights> blocks,
      Norm finalNorm,
      Weight head) {
    this.config = config;
    this.embedding = embedding;
    this.blocks = List.copyOf(blocks);
    this.exactBlocks = blocks.stream().map(BlockWeights::exactly).toList();
    this.finalNorm = finalNorm;
    this.head = head;
    this.rotations = new Rotations(config.rope());
  }

  /**
   * Loads a model.
   *
   * @param checkpoint its files
   * @param format how the linear layers of the blocks are kept
   * @param compute F32 or BF16: type of activations, embedding and head
   * @param device where
   * @param arena owns the weights
   * @return the model
   */
  public static Decoder load(
      Checkpoint checkpoint, WeightFormat format, DType compute, Device device, Arena arena) {
    var config = DecoderConfig.of(checkpoint);
    try (var loader = new LayerLoader(checkpoint, config, compute, device, arena)) {
      return new DecoderLoader(config, format, loader).load();
    }
  }

  /**
   * A model of random weights, to measure speed and memory where the files are not there.
   *
   * @param config its shape
   * @param format how the linear layers of the blocks are kept; not as stored
   * @param compute F32 or BF16: type of activations, embedding and head
   * @param seed of the weights
   * @param device where
   * @param arena owns the weights
   * @return the model
   */
  public static Decoder random(
      DecoderConfig config,
      WeightFormat format,
      DType compute,
      long seed,
      Device device,
      Arena arena) {
    var layers = new RandomLayers(config, compute, seed, device, arena);
    return new DecoderLoader(config, format, layers).load();
  }

  /**
   * A model with an adapter merged into its weights, W + s B A, summed in fp32 and rounded once to
   * the new format. Shares the weights that do not change.
   *
   * @param adapter what to merge
   * @param format of the changed weights
   * @param arena owns the changed weights
   * @return the merged model
   */
  public Decoder merged(LoraAdapter adapter, WeightFormat format, Arena arena) {
    adapter.refuseNonFinite();
    var merged = new ArrayList<BlockWeights>();
    for (int layer = 0; layer < blocks.size(); layer++) {
      var block = blocks.get(layer);
      merged.add(block.with(Merge.block(config, layer, block::product, adapter, format, arena)));
    }
    return new Decoder(config, embedding, merged, finalNorm, head);
  }

  /**
   * The model whose training drops nothing of the base, whatever its configuration says. Shares all
   * weights.
   *
   * @return the changed model
   */
  public Decoder withoutDropout() {
    return new Decoder(config.withoutDropout(), embedding, blocks, finalNorm, head);
  }

  /** x(0) = scale E[ids]; x(l + 1) = block l of x(l). */
  void forward(DecoderPass pass) {
    Embedding.forward(embedding, pass.pass().ids(), embeddingScale(), pass.pass().x(0));
    var weights = pass.cache().isPresent() ? blocks : exactBlocks;
    for (int layer = 0; layer < weights.size(); layer++) {
      Block.forward(weights.get(layer), pass.block(layer));
    }
  }

  /** dx(l) from dx(l + 1) in place, down to the first block that has an adapter. */
  void backward(DecoderPass pass, BlockGradients gradients) {
    for (int layer = exactBlocks.size() - 1; layer >= pass.pass().firstTrained(); layer--) {
      var block = pass.block(layer);
      if (!pass.pass().kept(layer)) {
        Block.forward(exactBlocks.get(layer), block);
      }
      Block.backward(exactBlocks.get(layer), block, gradients);
    }
  }

  /** The scale has the type of the embedding, as where these models were trained. */
  private float embeddingScale() {
    float scale = config.embeddingScale();
    return compute() == DType.BF16 ? Float.intBitsToFloat(HostCopy.bf16(scale) << 16) : scale;
  }

  @Override
  public DecoderConfig config() {
    return config;
  }

  @Override
  public DType compute() {
    return embedding.dtype();
  }

  @Override
  public boolean isFourBit() {
    return blocks.getFirst().product(Projection.QKV).weight() instanceof Nf4Matrix;
  }

  @Override
  public Decoder decoded(int count, LoraAdapter adapter, Arena arena) {
    var ranks = PassShape.ranks(List.of(adapter));
    var decoded = new ArrayList<>(blocks);
    decoded
        .subList(blocks.size() - count, blocks.size())
        .replaceAll(block -> block.with(DecodedBlocks.of(block::product, compute(), ranks, arena)));
    return new Decoder(config, embedding, decoded, finalNorm, head);
  }

  @Override
  public Device device() {
    return embedding.buffer().device();
  }

  List<BlockWeights> blocks() {
    return blocks;
  }

  Norm finalNorm() {
    return finalNorm;
  }

  Weight head() {
    return head;
  }

  Rotations rotations() {
    return rotations;
  }
}
