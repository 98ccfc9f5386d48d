package io.gatun.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.runtime.hub.FakeHub;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models, adapters and rows of the hub on the command line. */
class HubOptionTest {
  @TempDir Path folder;
  private final FakeHub hub = new FakeHub();

  @AfterEach
  void stop() {
    hub.close();
  }

  /** Runs a command with the hub in its environment. */
  private Invocation outside(Object... args) throws Exception {
    var process = Invocation.process(List.of(), args).redirectErrorStream(true);
    process.directory(folder.toFile());
    process.environment().put("HF_HOME", folder.resolve("home").toString());
    process.environment().put("HF_ENDPOINT", hub.address());
    var started = process.start();
    var said = new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Invocation(started.waitFor(), said, said);
  }

  private void put(String repository, Path from) throws Exception {
    try (var files = Files.list(from)) {
      for (var file : files.toList()) {
        hub.put(repository, file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
  }

  /** A model, rows and, of what came of them, an adapter; then all of it without the network. */
  @Test
  void fromTrainingToAnswers() throws Exception {
    put("org/tiny", TinyModel.write(folder.resolve("model")));
    hub.put("datasets/org/rows", "train.jsonl", "{\"prompt\": \"a\", \"completion\": \" b\"}\n");
    var trained =
        outside("train", "--model", "org/tiny", "--data", "org/rows", "--iters", 1, "-o", "out");
    trained.succeeds();
    assertTrue(trained.out().contains("download model.safetensors: 0 MB of"), trained.out());
    var config = Files.readString(folder.resolve("out/adapter_config.json"));
    assertTrue(config.contains("\"base_model_name_or_path\": \"org/tiny\""), config);
    put("org/adapter", folder.resolve("out"));
    var inspected = outside("inspect", "org/adapter", "--summary", "--model", "org/tiny@main");
    inspected.succeeds();
    assertTrue(inspected.out().contains("trainable params: "), inspected.out());
    hub.close();
    outside(
            "generate",
            "-m",
            "org/tiny",
            "--adapter",
            "org/adapter",
            "--offline",
            "-p",
            "a",
            "-n",
            2)
        .succeeds();
    outside("eval", "-m", "org/tiny", "--offline", "--data", "org/rows")
        .fails(2, "org/rows is a folder of rows; name a file in it, such as org/rows:train.jsonl");
    outside("generate", "-m", "org/absent", "--offline", "-p", "a")
        .fails(1, "org/absent is no local file or folder, is not in the cache (");
  }

  @Test
  void progress() {
    for (boolean terminal : new boolean[] {true, false}) {
      var bytes = new ByteArrayOutputStream();
      try (var progress =
          new HubProgress(new PrintStream(bytes, true, StandardCharsets.UTF_8), terminal)) {
        for (long done = 0; done <= 300_000_000; done += 1_000_000) {
          progress.transfer("model.safetensors", done, 300_000_000);
        }
      }
      var text = bytes.toString(StandardCharsets.UTF_8);
      assertTrue(text.contains("model.safetensors"), text);
      assertEquals(
          !terminal, text.contains("download model.safetensors: 150 MB of 300 MB\n"), text);
      assertTrue(terminal ? text.contains("300/300 MB") : text.lines().count() == 11, text);
      assertFalse(text.contains("null"), text);
    }
  }
}
