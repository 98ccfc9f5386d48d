package io.gatun.runtime.cli;

import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.adapter.ModuleFilter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/** What the adapter is: PEFT's options under the names people know. */
final class LoraOptions {
  @Option(
      names = {"--lora-r", "--rank", "--lora-rank"},
      defaultValue = "16",
      paramLabel = "R",
      description = "Rank. Default: ${DEFAULT-VALUE}.")
  int rank;

  @Option(
      names = {"--lora-alpha", "--alpha"},
      defaultValue = "32",
      paramLabel = "X",
      description = "The update is scaled by alpha / rank. Default: ${DEFAULT-VALUE}.")
  double alpha;

  @Option(
      names = {"--lora-dropout", "--dropout"},
      defaultValue = "0",
      paramLabel = "P",
      description = "Dropout of the adapter's input. Default: ${DEFAULT-VALUE}.")
  float dropout;

  @Option(
      names = {"--lora-target-modules", "--target-modules", "--lora-target"},
      defaultValue = "all-linear",
      paramLabel = "NAMES",
      description =
          "all-linear, names separated by commas, or one regular expression. Default:"
              + " ${DEFAULT-VALUE}.")
  String targets;

  @Option(
      names = "--exclude-modules",
      defaultValue = "",
      paramLabel = "NAMES",
      description = "Modules to leave out: names separated by commas, or a regular expression.")
  String excluded;

  @Option(names = "--use-rslora", description = "Scale by alpha / sqrt(rank).")
  boolean rankStabilized;

  @Option(
      names = "--layers-to-transform",
      split = ",",
      paramLabel = "I",
      description = "Only these blocks, separated by commas, from 0.")
  List<Integer> layers = List.of();

  @Option(
      names = "--layers-pattern",
      split = ",",
      paramLabel = "NAME",
      description = "Name of the list of blocks that --layers-to-transform counts.")
  List<String> layersPattern = List.of();

  @Option(
      names = "--rank-pattern",
      split = ",",
      paramLabel = "NAME=R",
      description = "Other ranks for modules whose path matches.")
  Map<String, Integer> rankPattern = new LinkedHashMap<>();

  @Option(
      names = "--alpha-pattern",
      split = ",",
      paramLabel = "NAME=X",
      description = "Other alphas for modules whose path matches.")
  Map<String, Double> alphaPattern = new LinkedHashMap<>();

  @Option(
      names = "--init-lora-weights",
      defaultValue = "default",
      paramLabel = "HOW",
      description =
          "default (B zero), gaussian, or false (the adapter acts at once). Default:"
              + " ${DEFAULT-VALUE}.")
  String init;

  /**
   * @param base where the model came from, kept in the adapter
   */
  LoraConfig config(String base) {
    try {
      return new LoraConfig(
          rank,
          alpha,
          dropout,
          filter(targets).orElseThrow(() -> new UsageException("--target-modules is empty")),
          filter(excluded).orElse(ModuleFilter.NONE),
          rankStabilized,
          layers,
          layersPattern,
          rankPattern,
          alphaPattern,
          init(),
          base,
          List.of());
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private static Optional<ModuleFilter> filter(String value) {
    if (value.isBlank()) {
      return Optional.empty();
    }
    if (value.equalsIgnoreCase("all-linear") || value.equalsIgnoreCase("all")) {
      return Optional.of(new ModuleFilter.AllLinear());
    }
    return Optional.of(
        value.matches("[\\w.,]+")
            ? ModuleFilter.names(value.split(","))
            : new ModuleFilter.Regex(value));
  }

  private LoraConfig.Init init() {
    return switch (init) {
      case "default", "true" -> LoraConfig.Init.DEFAULT;
      case "gaussian" -> LoraConfig.Init.GAUSSIAN;
      case "false" -> LoraConfig.Init.NONZERO;
      default ->
          throw new UsageException(
              "--init-lora-weights is '%s'; it must be default, gaussian or false".formatted(init));
    };
  }
}
