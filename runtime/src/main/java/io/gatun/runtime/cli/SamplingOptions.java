package io.gatun.runtime.cli;

import io.gatun.runtime.generate.Sampling;
import java.util.List;
import picocli.CommandLine.Option;

/** How answers are generated. */
final class SamplingOptions {
  @Option(
      names = {"--max-tokens", "--max-new-tokens", "-n"},
      defaultValue = "256",
      paramLabel = "N",
      description = "Most tokens of an answer. Default: ${DEFAULT-VALUE}.")
  int maxTokens;

  @Option(
      names = {"--temp", "--temperature"},
      defaultValue = "0",
      paramLabel = "T",
      description = "0 takes the most likely token. Default: ${DEFAULT-VALUE}.")
  float temperature;

  @Option(
      names = "--top-k",
      defaultValue = "0",
      paramLabel = "K",
      description = "Keep the K most likely tokens; 0 keeps all. Default: ${DEFAULT-VALUE}.")
  int topK;

  @Option(
      names = "--top-p",
      defaultValue = "1",
      paramLabel = "P",
      description = "Keep the most likely tokens up to this mass. Default: ${DEFAULT-VALUE}.")
  float topP;

  @Option(
      names = "--min-p",
      defaultValue = "0",
      paramLabel = "P",
      description =
          "Drop tokens below this fraction of the most likely one. Default: ${DEFAULT-VALUE}.")
  float minP;

  @Option(
      names = {"--repetition-penalty", "--repeat-penalty"},
      defaultValue = "1",
      paramLabel = "X",
      description = "Above 1 makes tokens already seen less likely. Default: ${DEFAULT-VALUE}.")
  float repetitionPenalty;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "Ends the answer when it appears; may be given several times.")
  List<String> stop = List.of();

  @Option(
      names = "--seed",
      defaultValue = "0",
      paramLabel = "N",
      description = "Key of the random numbers. Default: ${DEFAULT-VALUE}.")
  long seed;

  Sampling sampling() {
    try {
      return new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed, maxTokens, stop);
    } catch (IllegalArgumentException e) {
      throw new UsageException("--" + e.getMessage());
    }
  }
}
