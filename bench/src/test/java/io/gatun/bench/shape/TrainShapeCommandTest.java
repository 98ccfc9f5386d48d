package io.gatun.bench.shape;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bench.BenchCommand;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/** {@code gatun bench train}, as typed. */
class TrainShapeCommandTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  @TempDir private Path folder;

  private int run(Object... arguments) {
    var words = new String[arguments.length + 1];
    words[0] = "train";
    for (int i = 0; i < arguments.length; i++) {
      words[i + 1] = arguments[i].toString();
    }
    return BenchCommand.run(new PrintWriter(out), new PrintWriter(err), words);
  }

  @Test
  void fewerLayersAreMeasuredTwiceAndExtrapolated() throws IOException {
    var golden =
        Path.of(System.getProperty("gatun.root"), "quant/src/test/golden/models/tiny_llama");
    var config = Files.createDirectory(folder.resolve("deep")).resolve("config.json");
    var text = Files.readString(golden.resolve("config.json"));
    Files.writeString(config, text.replace("_layers\": 2", "_layers\": 6"));
    var file = folder.resolve("results").resolve("deep.json");
    int code =
        run(
            "--shape",
            config,
            "--layers",
            4,
            "--tokens",
            "2x16",
            "--rank",
            4,
            "--steps",
            3,
            "--warmup",
            1,
            "--threads",
            1,
            "--output",
            file);
    assertEquals(0, code, err.toString());
    var results = new JsonMapper().readTree(Files.readString(file));
    assertEquals("deep", results.get("shape").asString());
    assertTrue(results.get("command").asString().matches("gatun bench train --s.* --threads 1"));
    assertEquals(4, results.at("/measured/0/layers").asInt());
    assertEquals(2, results.at("/measured/1/layers").asInt());
    assertEquals(6, results.at("/extrapolated/layers").asInt());
    for (var measured : results.get("measured")) {
      assertEquals(3, measured.get("step_ms").size());
      assertEquals(measured.get("forecast"), measured.get("live_bytes"));
    }
    assertTrue(results.at("/machine/device_bytes").asLong() > 0);
    assertTrue(out.toString().contains("Extrapolated, not measured: all 6 layers"), out.toString());
  }

  @Test
  void whatIsWrongIsSaid() {
    assertEquals(2, run("--shape", "llama-9b"));
    assertEquals(2, run("--shape", "llama-8b", "--layers", 1));
    assertEquals(2, run("--shape", "llama-8b", "--layers", 33));
    assertEquals(2, run("--shape", "llama-8b", "--tokens", "many"));
    assertEquals(2, run("--shape", "llama-8b", "--quantization", "q4_0"));
    assertEquals(2, run("--shape", "llama-8b", "--steps", 0));
    assertEquals(2, run("--shape", "llama-8b", "--profile"));
    assertEquals(2, run());
    var said = err.toString();
    assertTrue(said.contains("there is no shape 'llama-9b'"), said);
    assertTrue(said.contains("--layers must be 2 or more"), said);
    assertTrue(said.contains("33 layers cannot be taken of 32"), said);
    assertTrue(said.contains("'many' are no rows"), said);
    assertTrue(said.contains("'q4_0'"), said);
    assertTrue(said.contains("add --device cuda"), said);
    assertEquals(1, run("--shape", "smollm2-135m", "--device", "tpu"));
    assertTrue(err.toString().contains("there is no device 'tpu'; take cpu or cuda"));
  }
}
