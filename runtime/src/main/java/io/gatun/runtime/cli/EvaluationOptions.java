package io.gatun.runtime.cli;

import io.gatun.runtime.train.Evaluation;
import io.gatun.runtime.train.Evaluation.Keep;
import io.gatun.runtime.train.Metric;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** When a run is measured on held-out rows, and what follows from it. */
final class EvaluationOptions {
  @Option(
      names = {"--eval-every", "--eval-steps", "--steps-per-eval"},
      paramLabel = "N",
      description = "Steps between evaluations on held-out rows; 0 (default) is each epoch.")
  private Optional<Integer> every;

  @Option(
      names = "--eval-exact-match",
      description =
          "Also answer the held-out prompts and count the answers that are exactly right; takes"
              + " longer.")
  private boolean exactMatch;

  @Option(
      names = {"--metric", "--metric-for-best-model"},
      paramLabel = "NAME",
      description =
          "What says which adapter is better: loss, perplexity or exact-match; for"
              + " classification loss, accuracy, f1, micro-f1 or pearson. Default: accuracy where a"
              + " row has one label of several, else loss.")
  private Optional<String> metric;

  @Option(
      names = {"--early-stopping-patience", "--early-stopping-steps"},
      paramLabel = "N",
      description = "Stop after N evaluations in a row without an improvement; 0 (default) never.")
  private Optional<Integer> patience;

  @Option(
      names = "--early-stopping-threshold",
      paramLabel = "X",
      description = "Improvements up to X do not count for early stopping. Default: 0.")
  private Optional<Double> threshold;

  @Option(
      names = {"--keep", "--load-best-model-at-end"},
      arity = "0..1",
      fallbackValue = "best",
      paramLabel = "WHICH",
      description =
          "Which adapter is the result: that of the best evaluation (best, the default where rows"
              + " are held out), or of the last step (last).")
  private Optional<String> keep;

  /** Whether prompts are to be answered. */
  boolean exactMatch() {
    return exactMatch || metric().equals(Optional.of(Metric.EXACT_MATCH));
  }

  /**
   * @param task what is trained
   * @param heldOut whether rows are held out
   */
  Evaluation evaluation(TrainTask task, boolean heldOut) {
    if (exactMatch && task == TrainTask.CLASSIFICATION) {
      throw new UsageException(
          "--eval-exact-match is for language models; labels are measured by accuracy and F1");
    }
    try {
      var settings =
          new Evaluation(
              every.orElse(0), metric(), patience.orElse(0), threshold.orElse(0.0), keep());
      if (!heldOut) {
        refuseWithoutRows();
      }
      return settings;
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private Optional<Metric> metric() {
    try {
      return metric.map(Metric::named);
    } catch (IllegalArgumentException e) {
      throw new UsageException("--metric: " + e.getMessage());
    }
  }

  private Keep keep() {
    return switch (keep.orElse("best")) {
      case "best", "true" -> Keep.BEST;
      case "last", "false" -> Keep.LAST;
      default ->
          throw new UsageException("--keep is '%s'; it must be best or last".formatted(keep.get()));
    };
  }

  /** A flag that asks for measurements must not be without effect. */
  private void refuseWithoutRows() {
    List<String> asked = new ArrayList<>();
    if (patience.orElse(0) > 0) {
      asked.add("--early-stopping-patience");
    }
    every.ifPresent(_ -> asked.add("--eval-every"));
    metric.ifPresent(_ -> asked.add("--metric"));
    if (exactMatch) {
      asked.add("--eval-exact-match");
    }
    if (keep.isPresent() && keep() == Keep.BEST) {
      asked.add("--keep best");
    }
    if (!asked.isEmpty()) {
      throw new UsageException(
          asked.getFirst()
              + " needs held-out rows to measure on; give them with --valid FILE, as valid.jsonl in"
              + " the data folder, or with --valid-split 0.1");
    }
  }
}
