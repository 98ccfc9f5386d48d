package io.gatun.bench.house;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Where the tree lies, and what becomes of a broken rule. */
final class House {
  static final Path ROOT = Path.of(System.getProperty("gatun.root")).toAbsolutePath().normalize();
  static final List<String> MODULES = List.of("bindings", "kernels", "quant", "runtime", "bench");

  private House() {}

  /** The files under a folder of the tree whose names end so, in order; none if it is absent. */
  static List<Path> files(String folder, String... suffixes) {
    var start = ROOT.resolve(folder);
    if (!Files.isDirectory(start)) {
      return List.of();
    }
    try (var files = Files.walk(start)) {
      return files
          .filter(f -> List.of(suffixes).stream().anyMatch(f.getFileName().toString()::endsWith))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static int lines(Path file) {
    return (int) text(file).lines().count();
  }

  /** The path as written in exceptions and messages: relative to the root, with slashes. */
  static String name(Path file) {
    return ROOT.relativize(file).toString();
  }

  /**
   * Fails with every violation that no exception covers, and with every exception that covers
   * nothing.
   *
   * @param violations what breaks the rule, by the key an exception would name
   * @param exceptions reasons by key
   */
  static void check(
      String rule, TreeMap<String, String> violations, Map<String, String> exceptions) {
    verdict(rule, violations, exceptions, System.getProperty("gatun.house").equals("warn"));
  }

  static void verdict(
      String rule,
      TreeMap<String, String> violations,
      Map<String, String> exceptions,
      boolean onlyWarn) {
    var problems = new TreeMap<>(violations);
    problems.keySet().removeAll(exceptions.keySet());
    exceptions.keySet().stream()
        .filter(k -> !violations.containsKey(k))
        .forEach(k -> problems.put(k, "is listed as an exception and is none"));
    if (!problems.isEmpty()) {
      var text = new StringBuilder(rule).append(": ").append(problems.size()).append(" broken\n");
      problems.forEach((k, v) -> text.append("  ").append(k).append(": ").append(v).append('\n'));
      if (onlyWarn) {
        System.out.println(text);
      } else {
        fail(text.toString());
      }
    }
  }
}
