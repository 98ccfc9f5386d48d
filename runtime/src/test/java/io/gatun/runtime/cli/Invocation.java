package io.gatun.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A command that ran.
 *
 * @param code its exit code
 * @param out what it printed
 * @param err what it complained about
 */
record Invocation(int code, String out, String err) {
  /** Runs a command here; training shows its steps on System.out. */
  static Invocation run(Object... args) {
    var out = new StringWriter();
    var err = new StringWriter();
    int code = Main.run(new PrintWriter(out), new PrintWriter(err), words(args));
    return new Invocation(code, out.toString(), err.toString());
  }

  /** Starts a command in a process of its own, under the same Java and class path. */
  static ProcessBuilder process(List<String> before, Object... args) {
    var command = new ArrayList<>(before);
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName()));
    command.addAll(List.of(words(args)));
    return new ProcessBuilder(command);
  }

  /** Runs a command in a process of its own. */
  static Invocation outside(List<String> before, Object... args)
      throws IOException, InterruptedException {
    var process = process(before, args).redirectErrorStream(true).start();
    var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Invocation(process.waitFor(), said, said);
  }

  private static String[] words(Object... args) {
    return Arrays.stream(args).map(Object::toString).toArray(String[]::new);
  }

  /** Fails unless the command did what it should. */
  Invocation succeeds() {
    assertEquals(0, code, err);
    return this;
  }

  /**
   * Fails unless the command failed with a sentence, and without a stack trace.
   *
   * @param expected the exit code
   * @param parts of the sentence
   */
  void fails(int expected, String... parts) {
    for (String part : parts) {
      assertTrue(err.contains(part), () -> "expected '" + part + "' in " + err);
    }
    assertFalse(err.contains("\tat "), () -> "a stack trace: " + err);
    assertEquals(expected, code, err);
  }
}
