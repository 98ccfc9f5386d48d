package io.gatun.runtime.model;

import io.gatun.kernels.Activation;
import io.gatun.kernels.AttentionShape;
import io.gatun.quant.checkpoint.Checkpoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * The shape of a decoder. What sets model families apart stands here as values; no class is named
 * after a family.
 *
 * @param modelType {@code model_type} of config.json, for messages only
 * @param vocabulary rows of the embedding
 * @param hidden features of the residual
 * @param layers number of blocks
 * @param heads query heads
 * @param kvHeads key and value heads; query head g reads head g / (heads / kvHeads)
 * @param headDim features of a head
 * @param feedForward inner features of the feed-forward part
 * @param activation of the gate
 * @param normEps added to the mean square
 * @param normOffset added to norm weights: 0, or 1 where weights are stored as a difference from 1
 * @param sandwichNorms whether the outputs of attention and feed-forward are normalised before they
 *     are added
 * @param headNorms whether each query and key head is normalised before rotation
 * @param qkvBias whether q, k and v have a bias
 * @param outputBias whether o has a bias
 * @param mlpBias whether gate, up and down have a bias
 * @param tiedHead whether the output head is the embedding
 * @param embeddingScale multiplies the embedding
 * @param attentionScale multiplies attention scores
 * @param attentionDropout with which probability a weight of attention is dropped in training
 * @param attentionSoftCap bounds attention scores, 0 for none
 * @param logitSoftCap bounds logits, 0 for none
 * @param windows per block, how many positions back a token sees, itself included; 0 for all
 * @param rope rotation
 * @param contextLength {@code max_position_embeddings}; does not limit the computation
 */
public record DecoderConfig(
    String modelType,
    int vocabulary,
    int hidden,
    int layers,
    int heads,
    int kvHeads,
    int headDim,
    int feedForward,
    Activation activation,
    float normEps,
    float normOffset,
    boolean sandwichNorms,
    boolean headNorms,
    boolean qkvBias,
    boolean outputBias,
    boolean mlpBias,
    boolean tiedHead,
    float embeddingScale,
    float attentionScale,
    float attentionDropout,
    float attentionSoftCap,
    float logitSoftCap,
    List<Integer> windows,
    RopeTable rope,
    int contextLength)
    implements BackboneConfig {

  /** Copies the windows. */
  public DecoderConfig {
    windows = List.copyOf(windows);
  }

  /**
   * Reads the contents of a Hugging Face config.json of a causal language model.
   *
   * @param config the JSON object
   * @return the shape
   * @throws UnsupportedException naming everything in it that is not supported
   */
  public static DecoderConfig read(JsonNode config) {
    var values = new ConfigValues(config);
    values.requireArchitecture(
        List.of("ForCausalLM"),
        "ForCausalLM is; a model that classifies is loaded as a classifier");
    return new ConfigReader(values).read();
  }

  /**
   * The shape of a checkpoint's model. A GGUF file may carry the divisors of its rotation as a
   * tensor.
   *
   * @param checkpoint the files
   * @return the shape
   * @throws UnsupportedException naming everything in it that is not supported
   */
  public static DecoderConfig of(Checkpoint checkpoint) {
    return read(checkpoint.config()).withDivisors(checkpoint);
  }

  /** The same decoder with the rotation divisors of its file, if it has some. */
  DecoderConfig withDivisors(Checkpoint checkpoint) {
    if (!checkpoint.names().contains(WeightNames.ROPE_DIVISORS)) {
      return this;
    }
    var divisors = new ArrayList<Double>();
    for (float f : checkpoint.readFloats(WeightNames.ROPE_DIVISORS)) {
      divisors.add((double) f);
    }
    var divided = new RopeTable(rope.theta(), headDim, new RopeScaling.Divisors(divisors));
    return with(layers, divided, tiedHead, attentionDropout);
  }

  /**
   * A decoder of the first blocks only.
   *
   * @param count from 1 to {@link #layers}
   * @return the same shape otherwise
   */
  public DecoderConfig withLayers(int count) {
    if (count < 1 || count > layers) {
      throw new IllegalArgumentException(
          "%d layers cannot be taken of %d".formatted(count, layers));
    }
    return with(count, rope, tiedHead, attentionDropout);
  }

  /**
   * The same decoder as the backbone of a classifier: it has no output head, and no memory for one.
   */
  DecoderConfig withoutHead() {
    return with(layers, rope, true, attentionDropout);
  }

  @Override
  public DecoderConfig withoutDropout() {
    return with(layers, rope, tiedHead, 0);
  }

  private DecoderConfig with(int layers, RopeTable rope, boolean tiedHead, float attentionDropout) {
    return new DecoderConfig(
        modelType,
        vocabulary,
        hidden,
        layers,
        heads,
        kvHeads,
        headDim,
        feedForward,
        activation,
        normEps,
        normOffset,
        sandwichNorms,
        headNorms,
        qkvBias,
        outputBias,
        mlpBias,
        tiedHead,
        embeddingScale,
        attentionScale,
        attentionDropout,
        attentionSoftCap,
        logitSoftCap,
        windows.subList(0, layers),
        rope,
        contextLength);
  }

  /**
   * Features of all query heads.
   *
   * @return heads times headDim
   */
  public int queryCols() {
    return heads * headDim;
  }

  /**
   * Features of all key heads, and of all value heads.
   *
   * @return kvHeads times headDim
   */
  public int keyCols() {
    return kvHeads * headDim;
  }

  @Override
  public int inputs(Projection projection) {
    return switch (projection) {
      case QKV, UP -> hidden;
      case OUTPUT -> queryCols();
      case DOWN -> feedForward;
    };
  }

  @Override
  public List<Integer> outputs(Projection projection) {
    return switch (projection) {
      case QKV -> List.of(queryCols(), keyCols(), keyCols());
      case OUTPUT, DOWN -> List.of(hidden);
      case UP -> List.of(feedForward, feedForward);
    };
  }

  @Override
  public boolean hasBias(Projection projection) {
    return switch (projection) {
      case QKV -> qkvBias;
      case OUTPUT -> outputBias;
      case UP, DOWN -> mlpBias;
    };
  }

  /**
   * Attention as the ops take it.
   *
   * @param layer the block
   * @return shape with the window of that block
   */
  public AttentionShape attention(int layer) {
    return new AttentionShape(
        heads, kvHeads, headDim, attentionScale, windows.get(layer), attentionSoftCap);
  }

  @Override
  public List<String> paths(int layer, Projection projection) {
    return WeightNames.linears(layer, projection);
  }

  @Override
  public List<String> otherModules() {
    return WeightNames.otherModules(this);
  }

  @Override
  public Map<String, List<Long>> tensors() {
    return WeightNames.tensors(this);
  }

  @Override
  public List<String> defaultTargets() {
    return WeightNames.DEFAULT_TARGETS;
  }

  @Override
  public String prefix() {
    return WeightNames.PREFIX;
  }
}
