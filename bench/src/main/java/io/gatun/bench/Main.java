package io.gatun.bench;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/**
 * Runs what this module measures: {@code gatun bench train ...} on a model's shape, and otherwise
 * {@code gatun bench [JMH options] [pattern]}.
 */
public final class Main {
  private static final Set<String> COMMANDS = Set.of("train", "check", "--help");

  private Main() {}

  /**
   * Runs a command and exits with its code, or hands the arguments to JMH, which prints its own
   * help for {@code -h}.
   *
   * @param arguments a command and its flags, or JMH's
   * @throws IOException as JMH does
   */
  public static void main(String[] arguments) throws IOException {
    if (arguments.length > 0 && COMMANDS.contains(arguments[0])) {
      var out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
      var err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
      System.exit(BenchCommand.run(out, err, arguments));
    }
    org.openjdk.jmh.Main.main(arguments);
  }
}
