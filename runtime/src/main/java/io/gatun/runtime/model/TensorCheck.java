package io.gatun.runtime.model;

import io.gatun.quant.checkpoint.Checkpoint;
import java.util.ArrayList;
import java.util.List;

/** Compares the tensors of a checkpoint with those that a model has. */
final class TensorCheck {
  private TensorCheck() {}

  /**
   * Everything that is missing, extra or of another shape.
   *
   * @return sentences, empty if all is well
   */
  static List<String> problems(Checkpoint checkpoint, BaseConfig config) {
    var expected = config.tensors();
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

  /** Buffers that older files carry, and a copy of a tied head. */
  private static boolean harmless(String name, BaseConfig config) {
    return name.equals(WeightNames.ROPE_DIVISORS)
        || name.endsWith("rotary_emb.inv_freq")
        || name.equals(WeightNames.weight(WeightNames.HEAD))
            && config instanceof DecoderConfig decoder
            && decoder.tiedHead();
  }
}
