package io.gatun.runtime.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The files that a {@code --data} flag means. */
final class DataFiles {
  private DataFiles() {}

  /** The file itself, or train.jsonl of the folder. */
  static Path train(Path data) {
    return Files.isDirectory(data) ? data.resolve("train.jsonl") : data;
  }

  /** The file asked for, or valid.jsonl of the folder if it is there. */
  static Optional<Path> valid(Path data, Optional<Path> asked) {
    var beside = data.resolve("valid.jsonl");
    return asked.isPresent() || !Files.isRegularFile(beside) ? asked : Optional.of(beside);
  }
}
