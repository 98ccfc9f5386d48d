package io.gatun.runtime.cli;

import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.text.Tokenizer;

/** The tokenizer of a checkpoint, checked against its model. */
final class ModelFiles {
  private ModelFiles() {}

  /**
   * Loads the tokenizer; refuses one that is not this model's.
   *
   * @param config the shape of the model
   */
  static Tokenizer tokenizer(Checkpoint checkpoint, BaseConfig config) {
    int vocabulary = config.vocabulary();
    var tokenizer = Tokenizer.load(checkpoint);
    if (tokenizer.vocabularySize() > vocabulary) {
      tokenizer.close();
      throw new IllegalArgumentException(
          "%s: the tokenizer has %d tokens, but the model's vocabulary is %d; put the tokenizer files of this model there"
              .formatted(checkpoint.path(), tokenizer.vocabularySize(), vocabulary));
    }
    return tokenizer;
  }
}
