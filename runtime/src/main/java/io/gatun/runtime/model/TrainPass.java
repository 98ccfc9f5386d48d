package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.runtime.adapter.ActiveAdapters;
import io.gatun.runtime.adapter.ActiveAdapters.Training;
import io.gatun.runtime.adapter.AdapterGradients;
import io.gatun.runtime.adapter.AdapterSize;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;

/**
 * Forward, loss and backward of an adapter on batches. Owns the memory for the largest batch and
 * uses it for all; adds gradients up until they are set to zero. Not for several threads at once.
 */
public final class TrainPass {
  private final Decoder decoder;
  private final LoraAdapter adapter;
  private final AdapterGradients gradients;
  private final PassMemory memory;
  private final Head head;

  private TrainPass(
      Decoder decoder, LoraAdapter adapter, AdapterGradients gradients, PassMemory memory) {
    this.decoder = decoder;
    this.adapter = adapter;
    this.gradients = gradients;
    this.memory = memory;
    this.head = new Head(decoder, memory);
  }

  /**
   * Allocates the memory.
   *
   * @param decoder the base
   * @param adapter what is trained
   * @param maxTokens most tokens of a batch
   * @param keptBlocks how many blocks, from the last, keep what backward needs; the others are
   *     computed again, with the same bits
   * @param arena owns the memory
   * @return the pass, all gradients zero
   */
  public static TrainPass allocate(
      Decoder decoder, LoraAdapter adapter, int maxTokens, int keptBlocks, Arena arena) {
    var shape = shape(decoder, adapter, maxTokens, keptBlocks);
    var memory = PassMemory.allocate("run.activations", shape, decoder.device(), arena);
    return new TrainPass(decoder, adapter, AdapterGradients.allocate(adapter, arena), memory);
  }

  /**
   * The memory that {@link #allocate} takes for activations and scratch.
   *
   * @param decoder the base
   * @param adapter what is trained
   * @param maxTokens most tokens of a batch
   * @param keptBlocks how many blocks are kept
   * @return names and sizes
   */
  public static SliceTable memory(
      Decoder decoder, LoraAdapter adapter, int maxTokens, int keptBlocks) {
    return PassMemory.plan(shape(decoder, adapter, maxTokens, keptBlocks));
  }

  /**
   * The memory that {@link #allocate} would take for a model that is not there.
   *
   * @param on the kind of device
   * @param config its shape
   * @param compute type of its activations
   * @param lora what would be trained
   * @param maxTokens most tokens of a batch
   * @param keptBlocks how many blocks are kept
   * @return names and sizes
   */
  public static SliceTable memory(
      Device.Kind on,
      DecoderConfig config,
      DType compute,
      LoraConfig lora,
      int maxTokens,
      int keptBlocks) {
    var ranks = AdapterSize.of(lora, config).ranks();
    return PassMemory.plan(
        shape(on, config, compute, ranks, lora.dropout() > 0, maxTokens, keptBlocks));
  }

  private static PassShape shape(
      Decoder decoder, LoraAdapter adapter, int maxTokens, int keptBlocks) {
    return shape(
        decoder.device().kind(),
        decoder.config(),
        decoder.compute(),
        PassShape.ranks(List.of(adapter)),
        adapter.config().dropout() > 0,
        maxTokens,
        keptBlocks);
  }

  private static PassShape shape(
      Device.Kind on,
      DecoderConfig config,
      DType compute,
      Map<Projection, Integer> ranks,
      boolean dropout,
      int maxTokens,
      int keptBlocks) {
    return new PassShape(
        on,
        config,
        compute,
        maxTokens,
        maxTokens,
        ranks,
        dropout,
        config.layers() + 1,
        keptBlocks,
        true);
  }

  /**
   * Whether batches may share prefixes in training: only where nothing is dropped, since each row
   * drops other things.
   *
   * @param decoder the base
   * @param adapter what is trained
   * @return true if they may
   */
  public static boolean mayShare(Decoder decoder, LoraAdapter adapter) {
    return adapter.config().dropout() == 0 && decoder.config().attentionDropout() == 0;
  }

  /**
   * The loss of a batch; adds its gradient to {@link #gradients}.
   *
   * @param batch at most as many tokens as there is memory for
   * @param seed of dropout
   * @param step number of the optimizer step, for dropout
   * @return sum and weight
   */
  public Loss run(Batch batch, long seed, int step) {
    if (batch.sharesPrefix() && !mayShare(decoder, adapter)) {
      throw new IllegalArgumentException(
          "a shared prefix needs dropout 0, not %s in the adapter and %s in the base's attention"
              .formatted(adapter.config().dropout(), decoder.config().attentionDropout()));
    }
    if (batch.labelRows().length == 0) {
      return Loss.ZERO;
    }
    var training = new Training(gradients, adapter.config().dropout(), seed, step);
    var adapters = ActiveAdapters.of(adapter, batch.tokens(), training);
    var pass = DecoderPass.of(decoder, batch, adapters, memory);
    var g = pass.gradients();

    decoder.forward(pass);
    var loss = head.lossAndGradient(batch, pass.pass().output(), g.dx);
    decoder.backward(pass, g);
    return loss;
  }

  /**
   * The loss of a batch, without dropout and gradient.
   *
   * @param batch at most as many tokens as there is memory for
   * @return sum and weight
   */
  public Loss evaluate(Batch batch) {
    if (batch.labelRows().length == 0) {
      return Loss.ZERO;
    }
    var adapters = ActiveAdapters.of(adapter, batch.tokens());
    var pass = DecoderPass.of(decoder, batch, adapters, memory);
    decoder.forward(pass);
    return head.loss(batch, pass.pass().output());
  }

  /**
   * Gradients since they were last set to zero.
   *
   * @return gradients of the adapter
   */
  public AdapterGradients gradients() {
    return gradients;
  }
}
