package io.gatun.runtime.cli;

import java.util.Locale;

/** Counts as PEFT prints them. */
final class TrainableParameters {
  private TrainableParameters() {}

  /**
   * The line of PEFT's {@code print_trainable_parameters}.
   *
   * @param trainable parameters of the adapter
   * @param base parameters of the frozen model
   */
  static String line(long trainable, long base) {
    long all = base + trainable;
    return String.format(
        Locale.ROOT,
        "trainable params: %,d || all params: %,d || trainable%%: %.4f",
        trainable,
        all,
        100.0 * trainable / all);
  }
}
