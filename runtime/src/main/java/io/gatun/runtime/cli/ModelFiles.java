package io.gatun.runtime.cli;

import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.AdapterConfigFile;
import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.ClassifierConfig;
import io.gatun.runtime.text.Tokenizer;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Optional;

/** What the files of a model are good for. */
final class ModelFiles {
  private ModelFiles() {}

  /** Whether a model, with its adapter if there is one, classifies; else it generates text. */
  static boolean classify(Path model, Optional<Path> adapter) {
    try (var files = Arena.ofConfined()) {
      return classify(Checkpoint.open(model, files), adapter);
    }
  }

  private static boolean classify(Checkpoint checkpoint, Optional<Path> adapter) {
    return adapter
        .map(folder -> AdapterConfigFile.classifies(folder, checkpoint))
        .orElseGet(() -> ClassifierConfig.isClassifier(checkpoint));
  }

  /** Refuses a model that does not generate text, or whose adapter does not. */
  static void requireGenerator(Checkpoint checkpoint, Optional<Path> adapter) {
    if (classify(checkpoint, adapter)) {
      throw new UsageException(
          "%s is for classifying, not for generating text; ask it with 'gatun predict'"
              .formatted(adapter.orElse(checkpoint.path())));
    }
  }

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
