package io.gatun.runtime.cli;

import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Which adapter to run the model with. */
final class AdapterOption {
  @Option(
      names = {"--adapter-path", "--adapter"},
      paramLabel = "DIR",
      description = "A PEFT adapter folder to run with the model.")
  Optional<Path> path;
}
