package io.gatun.runtime.model;

import io.gatun.quant.checkpoint.Checkpoint;
import java.util.ArrayList;
import java.util.List;

/** Compares the tensors of a checkpoint with those that a model has. */
final class TensorCheck {
  /** What heads for other tasks are called that come with a base. */
  private static final List<String> OTHER_HEADS =
      List.of("cls.", "lm_head.", "vocab_transform.", "vocab_layer_norm.", "vocab_projector.");

  private TensorCheck() {}

  /**
   * Everything that is missing, extra or of another shape.
   *
   * @param checkpoint with the names of the model
   * @param config its shape; head layers that are new are not missing
   * @return sentences, empty if all is well
   */
  static List<String> problems(Checkpoint checkpoint, BaseConfig config) {
    var expected = config.tensors();
    config.head().stream()
        .filter(layer -> !layer.stored())
        .forEach(layer -> expected.keySet().removeAll(layer.tensors().keySet()));
    var problems = new ArrayList<String>();
    expected.forEach((name, shape) -> {
      if (!checkpoint.names().contains(name)) {
        problems.add("tensor " + name + " is missing");
      } else if (!checkpoint.info(name).shape().equals(shape)) {
        problems.add(
            "tensor %s is %s, config.json says %s"
                .formatted(name, checkpoint.info(name).shape(), shape));
      }
    });
    checkpoint.names().stream()
        .filter(name -> !expected.containsKey(name) && !harmless(name, config))
        .forEach(name -> problems.add("tensor " + name + " is not part of this model"));
    return problems;
  }

  /** Buffers that older files carry, and heads that this model does not use. */
  private static boolean harmless(String name, BaseConfig config) {
    return name.equals(WeightNames.ROPE_DIVISORS)
        || name.endsWith("rotary_emb.inv_freq")
        || switch (config) {
          case DecoderConfig c -> c.tiedHead() && name.equals(WeightNames.weight(WeightNames.HEAD));
          case EncoderConfig c -> !name.startsWith(c.prefix()) || besideBlocks(name, c);
          case ClassifierConfig c ->
              OTHER_HEADS.stream().anyMatch(name::startsWith) || besideBlocks(name, c);
        };
  }

  /** What an encoder's files may have that a classifier has no use for. */
  private static boolean besideBlocks(String name, BaseConfig config) {
    return name.endsWith("position_ids") || name.startsWith(config.prefix() + "pooler.");
  }
}
