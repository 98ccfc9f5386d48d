package io.gatun.bench.check;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A Java process under a time limit, which leaves what it says in a file.
 *
 * @param log what it said, or will say
 */
record Child(Path log) {
  /** Settings that a child has from its parent. */
  private static final List<String> INHERITED =
      List.of("gatun.commit", "gatun.cuda.path", "gatun.cache");

  /**
   * Runs a class of the class path.
   *
   * @param settings further options of java
   * @param classPath further entries of the class path, or empty
   * @param limit after which it is stopped, with all that it started
   * @param command name of the class and its arguments
   * @return why it failed, or empty
   */
  Optional<String> run(
      List<String> settings, String classPath, Duration limit, List<String> command) {
    var words = new ArrayList<String>();
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    words.add("--enable-native-access=ALL-UNNAMED");
    for (var name : INHERITED) {
      Optional.ofNullable(System.getProperty(name))
          .ifPresent(v -> words.add("-D" + name + "=" + v));
    }
    words.addAll(settings);
    words.add("-cp");
    words.add(classPath + System.getProperty("java.class.path"));
    words.addAll(command);
    try {
      var process =
          new ProcessBuilder(words).redirectErrorStream(true).redirectOutput(log.toFile()).start();
      if (!process.waitFor(limit.toSeconds(), TimeUnit.SECONDS)) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly().waitFor();
        return Optional.of("stopped after %d s (%s)".formatted(limit.toSeconds(), log));
      }
      int code = process.exitValue();
      return code == 0 ? Optional.empty() : Optional.of(reason(code));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.of("interrupted");
    }
  }

  /** The sentence that a command says when it fails, else where to look. */
  private String reason(int code) throws IOException {
    try (var lines = Files.lines(log)) {
      return lines
          .filter(line -> line.startsWith(CheckCommand.SAYS))
          .map(line -> line.substring(CheckCommand.SAYS.length()))
          .reduce((_, last) -> last)
          .orElse("ended with code %d (%s)".formatted(code, log));
    }
  }
}
