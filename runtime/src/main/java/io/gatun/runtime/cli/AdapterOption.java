package io.gatun.runtime.cli;

import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Which adapter to run the model with. */
final class AdapterOption {
  @Option(
      names = {"--adapter-path", "--adapter"},
      paramLabel = "ADAPTER",
      description = "Run the model with it. " + HubOption.ADAPTER)
  Optional<Path> path;
}
