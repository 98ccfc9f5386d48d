package io.gatun.runtime.model;

import io.gatun.kernels.Activation;
import io.gatun.kernels.AttentionShape;
import io.gatun.quant.checkpoint.Checkpoint;
import java.util.List;
import java.util.Map;

/**
 * The shape of an encoder. What sets model families apart stands here as values; no class is named
 * after a family.
 *
 * @param modelType {@code model_type} of config.json, for messages and files only
 * @param names of its modules and of its head
 * @param vocabulary rows of the word embedding
 * @param hidden features of the residual
 * @param layers number of blocks
 * @param heads attention heads
 * @param feedForward inner features of the feed-forward part
 * @param activation of the feed-forward part
 * @param normEps added to the variance
 * @param positions rows of the position embedding
 * @param padding token that takes no position, whose number the first position follows; -1 where
 *     positions count from 0
 * @param tokenTypes rows of the token type embedding, 0 for none
 * @param dropout while something is trained on it
 */
public record EncoderConfig(
    String modelType,
    EncoderNames names,
    int vocabulary,
    int hidden,
    int layers,
    int heads,
    int feedForward,
    Activation activation,
    float normEps,
    int positions,
    int padding,
    int tokenTypes,
    EncoderDropout dropout)
    implements BackboneConfig {

  /**
   * The shape of a checkpoint's encoder.
   *
   * @param checkpoint the files
   * @return the shape
   * @throws UnsupportedException naming everything in it that is not supported
   */
  public static EncoderConfig of(Checkpoint checkpoint) {
    return new EncoderReader(new ConfigValues(checkpoint.config())).read();
  }

  @Override
  public EncoderConfig withoutDropout() {
    return new EncoderConfig(
        modelType,
        names,
        vocabulary,
        hidden,
        layers,
        heads,
        feedForward,
        activation,
        normEps,
        positions,
        padding,
        tokenTypes,
        EncoderDropout.NONE);
  }

  /** Tokens of a sequence at most: one for each row of the position embedding that is counted. */
  @Override
  public int contextLength() {
    return positions - padding - 1;
  }

  /**
   * Features of a head.
   *
   * @return hidden / heads
   */
  public int headDim() {
    return hidden / heads;
  }

  /**
   * Attention as the ops take it: every token sees the whole segment.
   *
   * @return shape, the same for all blocks
   */
  public AttentionShape attention() {
    float scale = (float) (1 / Math.sqrt(headDim()));
    return new AttentionShape(heads, heads, headDim(), scale, 0, 0, false);
  }

  /**
   * Rows of the position embedding for the tokens of a sequence.
   *
   * @param ids the tokens
   * @return 0, 1, 2 and so on; or counted from the padding token, which itself takes none
   */
  public int[] positions(int... ids) {
    int[] rows = new int[ids.length];
    int counted = padding;
    for (int t = 0; t < ids.length; t++) {
      boolean takesNone = padding >= 0 && ids[t] == padding;
      counted += takesNone ? 0 : 1;
      rows[t] = takesNone ? padding : counted;
    }
    return rows;
  }

  @Override
  public int inputs(Projection projection) {
    return projection == Projection.DOWN ? feedForward : hidden;
  }

  @Override
  public List<Integer> outputs(Projection projection) {
    return switch (projection) {
      case QKV -> List.of(hidden, hidden, hidden);
      case OUTPUT, DOWN -> List.of(hidden);
      case UP -> List.of(feedForward);
    };
  }

  @Override
  public boolean hasBias(Projection projection) {
    return true;
  }

  @Override
  public List<String> paths(int layer, Projection projection) {
    return names.linears(layer, projection);
  }

  @Override
  public List<String> otherModules() {
    return names.otherModules(this);
  }

  @Override
  public Map<String, List<Long>> tensors() {
    return names.tensors(this);
  }

  @Override
  public List<String> defaultTargets() {
    return names.defaultTargets();
  }

  @Override
  public String prefix() {
    return names.prefix() + ".";
  }
}
