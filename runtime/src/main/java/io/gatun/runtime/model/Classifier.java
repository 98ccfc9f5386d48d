package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Cast;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.ActiveAdapters;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraLinear;
import io.gatun.runtime.adapter.Merge;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A model that classifies sequences: an encoder or a decoder, and a head of dense layers, computed
 * in fp32. Immutable after load and shared by threads, passes and adapters. Where the files have no
 * head, or only a part of one, the rest is new: it exists in adapters only, each of which begins it
 * at random, trains it and keeps it, so that nothing trained can be left behind. What changes
 * belongs to the passes: {@link ClassifierPass}, {@link PredictPass}.
 */
public final class Classifier {
  private final ClassifierConfig config;
  private final Backbone backbone;
  private final Map<String, LoraLinear> head; // the stored layers by path

  private Classifier(ClassifierConfig config, Backbone backbone, Map<String, LoraLinear> head) {
    this.config = config;
    this.backbone = backbone;
    this.head = Map.copyOf(head);
  }

  /**
   * Loads a model.
   *
   * @param checkpoint its files: a classifier, an encoder without a head or with the one it was
   *     pretrained with, or a language model
   * @param labels what is told apart; {@link Labels#of(Checkpoint)} for what the files say
   * @param format how the linear layers of the blocks are kept
   * @param compute F32 or BF16: type of activations and embeddings
   * @param device where
   * @param arena owns the weights
   * @return the model
   */
  public static Classifier load(
      Checkpoint checkpoint,
      Labels labels,
      WeightFormat format,
      DType compute,
      Device device,
      Arena arena) {
    var config = ClassifierConfig.of(checkpoint, labels);
    try (var loader = new LayerLoader(config.named(checkpoint), config, compute, device, arena)) {
      Backbone backbone =
          switch (config.backbone()) {
            case DecoderConfig c -> new DecoderLoader(c, format, loader).load();
            case EncoderConfig c -> new EncoderLoader(c, format, loader).load();
          };
      var head = new HashMap<String, LoraLinear>();
      config.head().stream()
          .filter(HeadLayer::stored)
          .forEach(layer -> head.put(layer.path(), loader.dense(layer)));
      return new Classifier(config, backbone, head);
    }
  }

  /**
   * A model with an adapter merged into its weights, as {@link Decoder#merged}, and with the
   * adapter's head. Shares the weights that do not change.
   *
   * @param adapter what to merge
   * @param format of the changed weights in the blocks; the head stays in fp32
   * @param arena owns the changed weights
   * @return the merged model
   */
  public Classifier merged(LoraAdapter adapter, WeightFormat format, Arena arena) {
    adapter.refuseNonFinite();
    Backbone merged =
        switch (backbone) {
          case Decoder decoder -> decoder.merged(adapter, format, arena);
          case Encoder encoder -> encoder.merged(adapter, format, arena);
        };
    var layers = new HashMap<>(head);
    for (var layer : config.head()) {
      adapter.trained(layer).ifPresent(own -> layers.put(layer.path(), copy(own, arena)));
    }
    poolerFactors(adapter)
        .ifPresent(factors -> {
          var pooler = config.head().getFirst();
          var bands = List.of(pooler.outputs());
          var product = stored(pooler).orElseThrow();
          layers.put(
              pooler.path(), Merge.product(product, factors, bands, WeightFormat.f32(), arena));
        });
    return new Classifier(config.complete(), merged, layers);
  }

  /**
   * The model whose training drops nothing of the base, whatever its configuration says. Shares all
   * weights.
   *
   * @return the changed model
   */
  public Classifier withoutDropout() {
    Backbone changed =
        switch (backbone) {
          case Decoder decoder -> decoder.withoutDropout();
          case Encoder encoder -> encoder.withoutDropout();
        };
    return new Classifier(config.withoutDropout(), changed, head);
  }

  /**
   * The model with the last blocks decoded once, as {@link Backbone#decoded}.
   *
   * @param count how many blocks
   * @param adapter that will be trained
   * @param arena owns the values
   * @return the model for one pass at a time
   */
  public Classifier decoded(int count, LoraAdapter adapter, Arena arena) {
    return new Classifier(config, backbone.decoded(count, adapter, arena), head);
  }

  private static LoraLinear copy(LoraLinear layer, Arena arena) {
    return new LoraLinear(
        copy((Matrix) layer.weight(), arena), layer.bias().map(bias -> copy(bias, arena)));
  }

  private static Matrix copy(Matrix values, Arena arena) {
    var device = values.buffer().device();
    var copy = Matrix.allocate(device, "base.f32", DType.F32, values.rows(), values.cols(), arena);
    Cast.run(values, copy);
    return copy;
  }

  /** A pass over a packed batch. */
  BackbonePass pass(ClassifierBatch batch, ActiveAdapters adapters, PassMemory memory) {
    batch.requireFit(config);
    var pass = new Pass(memory, batch.ids(), batch.tokenIndex(), batch.segments(), adapters);
    return switch (backbone) {
      case Decoder decoder -> DecoderPass.of(decoder, pass);
      case Encoder encoder -> EncoderPass.of(encoder, pass, batch.ids(), batch.typeIds());
    };
  }

  /** What an adapter adds to the head's first layer, where that is frozen and has an adapter. */
  Optional<LoraFactors> poolerFactors(LoraAdapter adapter) {
    return adapter.factors(config.layers(), Projection.OUTPUT);
  }

  /**
   * Its shape.
   *
   * @return the configuration
   */
  public ClassifierConfig config() {
    return config;
  }

  /**
   * What is in front of the head.
   *
   * @return the encoder or decoder
   */
  public Backbone backbone() {
    return backbone;
  }

  /**
   * A layer of the head as the base has it.
   *
   * @param layer of the head
   * @return W, and b where there is one; empty if the layer is new
   */
  public Optional<LoraLinear> stored(HeadLayer layer) {
    return Optional.ofNullable(head.get(layer.path()));
  }

  /**
   * Type of activations and embeddings; the head is F32 always.
   *
   * @return F32 or BF16
   */
  public DType compute() {
    return backbone.compute();
  }

  /**
   * Where it lives.
   *
   * @return the device
   */
  public Device device() {
    return backbone.device();
  }
}
