package io.gatun.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.Device;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.DecoderConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.ObjectMapper;

/** A training of the command line, killed from outside at any moment. */
class KilledTrainingTest {
  private static final long LONGEST_WAIT_SECONDS = 120;

  @TempDir static Path temp;

  private static Path model;
  private static Path data;

  @TempDir Path folder;

  @BeforeAll
  static void prepare() throws IOException {
    model = TinyModel.write(temp.resolve("model"));
    data = Files.createDirectory(temp.resolve("data"));
    String row = "{\"prompt\": \"one plus one is\", \"completion\": \" two\"}\n";
    Files.writeString(data.resolve("train.jsonl"), row.repeat(4));
    Files.writeString(data.resolve("valid.jsonl"), row);
  }

  private Object[] command(Object... more) {
    List<Object> words = new ArrayList<>();
    words.addAll(List.of("train", "--model", model, "--data", data, "--output", folder));
    words.addAll(List.of("--save-every", 1, "--eval-every", 1, "--lora-r", 64));
    words.addAll(List.of(more));
    return words.toArray();
  }

  /** Kills a training as soon as a file is there whose name passes, and checks what it left. */
  private void killWhen(String moment, Predicate<String> name) throws Exception {
    var process =
        Invocation.process(List.of(), command("--iters", 1_000_000, "--overwrite"))
            .redirectErrorStream(true)
            .redirectOutput(temp.resolve("said").toFile())
            .start();
    try {
      long begin = System.nanoTime();
      while (process.isAlive() && names().stream().noneMatch(name)) {
        assertTrue(
            System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(LONGEST_WAIT_SECONDS), moment);
      }
      assertTrue(process.isAlive(), () -> moment + ": the training ended by itself: " + said());
    } finally {
      process.destroyForcibly();
    }
    assertEquals(137, process.waitFor(), "killed by SIGKILL");
    assertWhatIsThereIsWhole(moment);
  }

  private static String said() {
    try {
      return Files.readString(temp.resolve("said"));
    } catch (IOException e) {
      return e.toString();
    }
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.walk(folder, 2)) {
      return files.map(file -> folder.relativize(file).toString()).toList();
    } catch (UncheckedIOException _) {
      return List.of(); // a file went away while we looked
    }
  }

  private void assertWhatIsThereIsWhole(String moment) throws IOException {
    var json = new ObjectMapper();
    Path metrics = folder.resolve("metrics.jsonl");
    if (Files.exists(metrics)) {
      Files.readAllLines(metrics).forEach(json::readTree);
    }
    for (String name : names()) {
      boolean partial = name.startsWith(".partial-");
      boolean known =
          name.isEmpty() || name.startsWith("checkpoint-") || name.equals("metrics.jsonl");
      assertTrue(partial || known, () -> moment + " left " + name);
    }
    try (var device = Device.cpu();
        var arena = Arena.ofShared()) {
      var config = DecoderConfig.of(Checkpoint.open(model, arena));
      for (String name : names()) {
        if (name.matches("checkpoint-(best-)?\\d+")) {
          LoraAdapter.load(folder.resolve(name), config, device, arena);
        }
      }
    }
  }

  private boolean has(String pattern) throws IOException {
    return names().stream().anyMatch(name -> name.matches(pattern));
  }

  @Test
  void atAnyMomentWhatIsThereIsWhole() throws Exception {
    killWhen("before the first step", name -> name.equals("metrics.jsonl"));
    killWhen("as the best is written", name -> name.startsWith(".partial-checkpoint-best-"));
    killWhen("as a checkpoint is written", name -> name.matches("\\.partial-checkpoint-\\d+"));
    killWhen("as its weights are written", name -> name.matches("\\.partial-checkpoint-\\d+/.+"));
    killWhen("as an old best goes", name -> name.startsWith(".partial-old-"));
    killWhen("during a step", name -> name.equals("checkpoint-7"));
    assertTrue(has("checkpoint-7"));
    assertTrue(has("checkpoint-best-\\d+"), "the best so far is on disk");

    Invocation.run(command("--iters", 2))
        .fails(1, folder + " already holds checkpoint-", "choose another output folder");
    Invocation.run(command("--iters", 2, "--overwrite")).succeeds();
    assertTrue(has("checkpoint-2") && has("adapter_model.safetensors"));
    assertFalse(has("checkpoint-7") || has("\\.partial.*"), "leftovers are cleared away");
    Path valid = data.resolve("valid.jsonl");
    Invocation.run("eval", "--model", model, "--adapter-path", folder, "--data", valid).succeeds();
  }
}
