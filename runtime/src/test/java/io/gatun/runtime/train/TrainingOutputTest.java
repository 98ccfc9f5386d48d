package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.runtime.adapter.LoraAdapter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

class TrainingOutputTest {
  @TempDir Path temporary;

  private TrainingPlan plan(int steps, int every) {
    return TrainingPlan.defaults()
        .withSteps(steps)
        .with(new TrainingPlan.Output(Optional.of(temporary), every, 0, false));
  }

  private static List<JsonNode> metrics(Path folder) throws IOException {
    var json = new ObjectMapper();
    return Files.readAllLines(folder.resolve("metrics.jsonl")).stream()
        .map(line -> json.readTree(line))
        .toList();
  }

  @Test
  void aRunLeavesMetricsCheckpointsAndTheAdapter() throws IOException {
    try (var model = TinyModel.open()) {
      var adapter = model.adapter(0);
      var rows = TinyModel.rows(16);
      var result = Training.run(model.decoder, adapter, rows, plan(5, 2), step -> {});
      var lines = metrics(temporary);
      assertEquals(7, lines.size());
      assertEquals(5, lines.getFirst().get("steps").asInt());
      assertEquals(adapter.parameterCount(), lines.getFirst().at("/adapter/parameters").asLong());
      assertEquals(16, lines.getFirst().at("/data/rows").asInt());
      assertEquals(result.last().loss(), lines.get(5).get("loss").asDouble());
      assertEquals(5, lines.getLast().get("end").asInt());
      for (String name : List.of("checkpoint-2", "checkpoint-4", "")) {
        var loaded = LoraAdapter.load(temporary.resolve(name), model.decoder, model.arena);
        assertEquals(adapter.config().rank(), loaded.config().rank());
      }
      assertFalse(Files.exists(temporary.resolve("checkpoint-5")));
      var e =
          assertThrows(
              TrainingException.class,
              () -> Training.run(model.decoder, adapter, rows, plan(5, 2), step -> {}));
      assertTrue(e.getMessage().contains("already holds"), e.getMessage());
    }
  }

  @Test
  void aRunThatLosesItsNumbersOverwritesNothing() throws IOException {
    try (var model = TinyModel.open()) {
      var adapter = model.adapter(0);
      var rows = TinyModel.rows(8);
      var plan = plan(50, 1).withLearningRate(1e30);
      var e =
          assertThrows(
              TrainingException.class,
              () -> Training.run(model.decoder, adapter, rows, plan, step -> {}));
      assertFalse(Files.exists(temporary.resolve("adapter_config.json")));
      int last = metrics(temporary).getLast().get("step").asInt();
      assertTrue(e.getMessage().contains("checkpoint-" + last), e.getMessage());
      assertTrue(Files.exists(temporary.resolve("checkpoint-" + last)));
    }
  }

  /** Trains for ever, saving after each step. */
  static final class Endless {
    public static void main(String[] arguments) {
      try (var model = TinyModel.open()) {
        var plan =
            TrainingPlan.defaults()
                .withSteps(1_000_000)
                .with(new TrainingPlan.Output(Optional.of(Path.of(arguments[0])), 1, 0, true));
        Training.run(model.decoder, model.adapter(0), TinyModel.rows(8), plan, step -> {});
      }
    }
  }

  @Test
  void aKilledTrainingLeavesWholeAdaptersOnly() throws Exception {
    var process =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "--enable-native-access=ALL-UNNAMED",
                "-Dgatun.root=" + System.getProperty("gatun.root"),
                "-cp",
                System.getProperty("java.class.path"),
                Endless.class.getName(),
                temporary.toString())
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectErrorStream(true)
            .start();
    Path tenth = temporary.resolve("checkpoint-10");
    for (int wait = 0; wait < 3000 && process.isAlive() && !Files.exists(tenth); wait++) {
      Thread.sleep(20);
    }
    process.destroyForcibly();
    assertTrue(process.waitFor(30, TimeUnit.SECONDS));
    assertTrue(Files.exists(tenth), "the training came to step 10");
    assertFalse(Files.exists(temporary.resolve("adapter_model.safetensors")));
    var lines = metrics(temporary);
    assertTrue(lines.size() >= 11);
    try (var model = TinyModel.open();
        var folders = Files.list(temporary)) {
      for (Path folder :
          folders.filter(f -> f.getFileName().toString().startsWith("checkpoint-")).toList()) {
        LoraAdapter.load(folder, model.decoder, model.arena);
      }
    }
  }
}
