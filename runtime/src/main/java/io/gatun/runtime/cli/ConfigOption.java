package io.gatun.runtime.cli;

import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The flag that {@link ConfigFile} reads. */
final class ConfigOption {
  @Option(
      names = {"--config", "-c"},
      paramLabel = "FILE",
      description = "A YAML file with flags as keys; flags on the command line win.")
  Optional<Path> file;
}
