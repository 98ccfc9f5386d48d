package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.JsonNodeFactory;

class RunFolderTest {
  @TempDir Path temporary;

  /** Writes the two files of an adapter. */
  static Consumer<Path> adapter(String content) {
    return folder -> {
      try {
        Files.writeString(folder.resolve("adapter_config.json"), content);
        Files.writeString(folder.resolve("adapter_model.safetensors"), content);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    };
  }

  private List<String> files() throws IOException {
    try (var files = Files.walk(temporary)) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> temporary.relativize(file).toString())
          .sorted()
          .toList();
    }
  }

  @Test
  void aRunLeavesMetricsCheckpointsAndTheAdapter() throws IOException {
    try (var run = RunFolder.open(temporary, 0, false)) {
      run.metrics(JsonNodeFactory.instance.objectNode().put("step", 1));
      run.metrics(JsonNodeFactory.instance.objectNode().put("step", 2));
      run.checkpoint(2, adapter("two"));
      run.finish(adapter("end"));
    }
    assertEquals(
        List.of(
            "adapter_config.json",
            "adapter_model.safetensors",
            "checkpoint-2/adapter_config.json",
            "checkpoint-2/adapter_model.safetensors",
            "metrics.jsonl"),
        files());
    assertEquals(
        "{\"step\":1}\n{\"step\":2}\n", Files.readString(temporary.resolve("metrics.jsonl")));
    assertEquals("end", Files.readString(temporary.resolve("adapter_config.json")));
  }

  @Test
  void resultsOfAnEarlierRunAreNotOverwrittenUnasked() throws IOException {
    try (var run = RunFolder.open(temporary, 0, false)) {
      run.metrics(JsonNodeFactory.instance.objectNode().put("step", 1));
      run.checkpoint(7, adapter("old"));
    }
    var e = assertThrows(TrainingException.class, () -> RunFolder.open(temporary, 0, false));
    assertTrue(e.getMessage().contains("already holds checkpoint-7"), e.getMessage());
    assertEquals("{\"step\":1}\n", Files.readString(temporary.resolve("metrics.jsonl")));
    try (var run = RunFolder.open(temporary, 0, true)) {
      run.finish(adapter("new"));
    }
    assertEquals(
        List.of("adapter_config.json", "adapter_model.safetensors", "metrics.jsonl"), files());
  }

  @Test
  void theBestSoFarIsThereUntilTheResultIs() throws IOException {
    try (var run = RunFolder.open(temporary, 0, false)) {
      run.best(9, adapter("nine"));
      assertEquals(List.of("checkpoint-best-9"), run.checkpoints());
      run.best(10, adapter("ten"));
      run.checkpoint(11, adapter("eleven"));
      assertEquals(List.of("checkpoint-11", "checkpoint-best-10"), run.checkpoints());
      assertEquals(
          List.of(
              "checkpoint-11/adapter_config.json",
              "checkpoint-11/adapter_model.safetensors",
              "checkpoint-best-10/adapter_config.json",
              "checkpoint-best-10/adapter_model.safetensors",
              "metrics.jsonl"),
          files());
      run.finish(adapter("ten"));
      assertEquals(List.of("checkpoint-11"), run.checkpoints());
    }
  }

  @Test
  void onlyTheNewestCheckpointsStayBesideTheBest() throws IOException {
    try (var run = RunFolder.open(temporary, 2, false)) {
      run.best(8, adapter("best"));
      for (int step = 8; step <= 12; step++) {
        run.checkpoint(step, adapter("step"));
      }
    }
    assertEquals(
        List.of("checkpoint-11", "checkpoint-12", "checkpoint-best-8"),
        files().stream()
            .filter(file -> file.endsWith("adapter_config.json"))
            .map(file -> file.substring(0, file.indexOf('/')))
            .toList());
  }

  @Test
  void whatIsInTheWayIsNamed() throws IOException {
    Path file = Files.writeString(temporary.resolve("taken"), "");
    var e = assertThrows(TrainingException.class, () -> RunFolder.open(file, 0, true));
    assertTrue(e.getMessage().contains("taken is a file, not a folder"), e.getMessage());
  }

  @Test
  void twoRunsDoNotShareAFolder() throws IOException {
    try (var run = RunFolder.open(temporary, 0, false)) {
      var e = assertThrows(TrainingException.class, () -> RunFolder.open(temporary, 0, true));
      assertTrue(e.getMessage().contains("Another run"), e.getMessage());
      run.finish(adapter("first"));
    }
  }

  @Test
  void aFailedSaveLeavesTheEarlierAdapterWhole() throws IOException {
    try (var run = RunFolder.open(temporary, 0, false)) {
      run.finish(adapter("good"));
      assertThrows(
          UncheckedIOException.class,
          () ->
              run.finish(folder -> {
                adapter("half").accept(folder);
                throw new UncheckedIOException(new IOException("No space left on device"));
              }));
    }
    assertEquals("good", Files.readString(temporary.resolve("adapter_config.json")));
    assertEquals("good", Files.readString(temporary.resolve("adapter_model.safetensors")));
    assertEquals(3, files().size(), "the half is cleared away: " + files());
  }

  @Test
  void aFullDiskIsNamed() throws IOException {
    Path full = Path.of("/dev/full");
    assumeTrue(Files.exists(full), "only Linux has a device that is always full");
    Path link = Files.createSymbolicLink(temporary.resolve("metrics.jsonl"), full);
    try (var run = RunFolder.open(temporary, 0, false)) {
      var line = JsonNodeFactory.instance.objectNode().put("step", 1);
      var e = assertThrows(TrainingException.class, () -> run.metrics(line));
      assertTrue(e.getMessage().contains("No space left on device"), e.getMessage());
      assertTrue(e.getMessage().contains("metrics.jsonl"), e.getMessage());
    }
    Files.delete(link);
  }

  /** Saves checkpoints for ever; the content of both files of an adapter is its number. */
  static final class Saves {
    public static void main(String[] arguments) {
      try (var run = RunFolder.open(Path.of(arguments[0]), 0, true)) {
        for (int step = 1; ; step++) {
          String content = "%08d\n".formatted(step).repeat(20_000);
          run.metrics(JsonNodeFactory.instance.objectNode().put("step", step));
          run.checkpoint(step % 3, adapter(content));
          run.finish(adapter(content));
        }
      }
    }
  }

  @Test
  void aKilledRunLeavesNothingHalfWritten() throws Exception {
    for (int attempt = 0; attempt < 3; attempt++) {
      Process process =
          new ProcessBuilder(
                  ProcessHandle.current().info().command().orElseThrow(),
                  "-cp",
                  System.getProperty("java.class.path"),
                  Saves.class.getName(),
                  temporary.toString())
              .inheritIO()
              .start();
      Path metrics = temporary.resolve("metrics.jsonl");
      for (int wait = 0; wait < 600 && lines(metrics) < 5 + attempt; wait++) {
        Thread.sleep(20);
      }
      process.destroyForcibly();
      assertTrue(process.waitFor(20, TimeUnit.SECONDS));
      assertTrue(lines(metrics) >= 5, "the run saved");
      assertTrue(Files.readString(metrics).endsWith("}\n"));
      try (var folders = Files.list(temporary)) {
        for (Path folder : folders.filter(f -> f.toString().contains("checkpoint-")).toList()) {
          assertWhole(folder);
        }
      }
      if (Files.exists(temporary.resolve("adapter_config.json"))) {
        assertWhole(temporary);
      }
    }
    RunFolder.open(temporary, 0, true).close();
    assertFalse(files().stream().anyMatch(file -> file.startsWith(".partial")));
  }

  private static long lines(Path metrics) throws IOException {
    return Files.exists(metrics) ? Files.readString(metrics).lines().count() : 0;
  }

  private static void assertWhole(Path folder) throws IOException {
    if (folder.getFileName().toString().startsWith(".partial")) {
      return;
    }
    String config = Files.readString(folder.resolve("adapter_config.json"));
    assertEquals(180_000, config.length(), folder.toString());
    assertEquals(config, Files.readString(folder.resolve("adapter_model.safetensors")));
  }
}
