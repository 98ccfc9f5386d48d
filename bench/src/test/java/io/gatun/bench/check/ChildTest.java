package io.gatun.bench.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Processes that end well, that fail, and that do not end. */
class ChildTest {
  @TempDir private Path folder;

  /** Does what its argument says. */
  static final class Work {
    private Work() {}

    public static void main(String[] arguments) throws InterruptedException {
      switch (arguments[0]) {
        case "say" -> System.err.println(CheckCommand.SAYS + "the GPU is too old");
        case "sleep" -> Thread.sleep(Duration.ofMinutes(5));
        default -> {}
      }
      System.exit(Integer.parseInt(arguments[1]));
    }
  }

  private Optional<String> run(int seconds, String... arguments) {
    var command = new ArrayList<>(List.of(Work.class.getName()));
    command.addAll(List.of(arguments));
    return new Child(folder.resolve("child.log"))
        .run(List.of("-Xshare:auto"), "", Duration.ofSeconds(seconds), command);
  }

  @Test
  void aReasonIsTheSentenceThatWasSaid() {
    assertEquals(Optional.empty(), run(60, "end", "0"));
    assertEquals(Optional.of("the GPU is too old"), run(60, "say", "1"));
    assertTrue(run(60, "end", "7").orElseThrow().startsWith("ended with code 7"));
  }

  @Test
  void whatDoesNotEndIsStopped() {
    long begin = System.nanoTime();
    assertTrue(run(1, "sleep", "0").orElseThrow().startsWith("stopped after 1 s"));
    assertTrue(System.nanoTime() - begin < Duration.ofMinutes(2).toNanos());
  }
}
