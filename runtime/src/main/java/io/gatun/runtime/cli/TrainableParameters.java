package io.gatun.runtime.cli;

import io.gatun.runtime.model.BaseConfig;
import java.util.Locale;

/** Counts as PEFT prints them. */
final class TrainableParameters {
  private TrainableParameters() {}

  /**
   * The line of PEFT's {@code print_trainable_parameters}. A layer that is trained whole counts
   * twice: as a part of the base, and as the adapter's own.
   *
   * @param trainable parameters of the adapter
   * @param base the model it is for
   */
  static String line(long trainable, BaseConfig base) {
    long all = base.parameters() + trainable;
    return String.format(
        Locale.ROOT,
        "trainable params: %,d || all params: %,d || trainable%%: %.4f",
        trainable,
        all,
        100.0 * trainable / all);
  }
}
