package io.gatun.runtime.cli;

import static io.gatun.runtime.cli.Invocation.run;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every command on a tiny model. */
class CommandLineTest {
  @TempDir static Path temp;

  private static Path model;
  private static Path rows;
  private static Path adapter;

  private static Path file(String name, String content) throws IOException {
    return Files.writeString(temp.resolve(name), content);
  }

  @BeforeAll
  static void trainOnce() throws IOException {
    model = TinyModel.write(temp.resolve("model"));
    rows =
        file(
            "rows.jsonl",
            "{\"prompt\": \"one plus one is\", \"completion\": \" two\"}\n".repeat(8)
                + "{\"prompt\": \"two plus two is\", \"completion\": \" four\"}\n".repeat(8));
    adapter = temp.resolve("adapter");
    var result =
        run(
            "train",
            "--model",
            model,
            "--data",
            rows,
            "--output",
            adapter,
            "--iters",
            60,
            "--learning-rate",
            "2e-2",
            "--batch-size",
            8,
            "--dtype",
            "f32");
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().contains("trainable params: "), result.out());
  }

  @Test
  void evaluationShowsBothFigures() {
    var result = run("eval", "--model", model, "--adapter-path", adapter, "--data", rows);
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().contains("base 0.0 % (0) -> with adapter 100.0 % (16)"), result.out());
  }

  @Test
  void generatesRawAndThroughTheTemplate() {
    var raw =
        run(
            "generate",
            "--model",
            model,
            "--adapter-path",
            adapter,
            "--raw",
            "--prompt",
            "one plus one is",
            "--max-tokens",
            8);
    assertEquals(0, raw.code(), raw.err());
    assertEquals(" two", raw.out().stripTrailing());
    var several =
        run("generate", "--model", model, "-p", "hello", "-p", "world", "--max-tokens", 3);
    assertEquals(0, several.code(), several.err());
    assertTrue(
        several.out().contains("> hello") && several.out().contains("> world"), several.out());
  }

  @Test
  void mergedModelAnswersLikeTheAdapter() {
    Path merged = temp.resolve("merged");
    var merge =
        run("merge", "--model", model, "--adapter-path", adapter, "-o", merged, "--dtype", "f32");
    assertEquals(0, merge.code(), merge.err());
    var answer =
        run(
            "generate",
            "--model",
            merged,
            "--quantization",
            "f32",
            "--raw",
            "-p",
            "two plus two is",
            "--max-tokens",
            8);
    assertEquals(" four", answer.out().stripTrailing(), answer.err());
    run("merge", "--model", model, "--adapter-path", adapter, "-o", merged)
        .fails(2, "already holds files");
  }

  @Test
  void verifyComparesEveryWayOfMerging() {
    var result = run("verify", model, adapter, "--prompt", "one plus one is two", "--per-layer");
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().contains("the base as trained, kept in f32"), result.out());
    assertTrue(result.out().contains("the original weights, kept in bf16"), result.out());
    assertTrue(result.out().contains("after layer   1"), result.out());
  }

  @Test
  void quantizedModelIsReadAgain() {
    Path quantized = temp.resolve("quantized");
    var result = run("quantize", "--model", model, "--save-path", quantized);
    assertEquals(0, result.code(), result.err());
    var inspected = run("inspect", "--summary", quantized);
    assertTrue(inspected.out().contains("84,288 parameters"), inspected.out() + inspected.err());
    var answer =
        run("eval", "--model", quantized, "--adapter-path", adapter, "--data", rows, "--no-base");
    assertTrue(answer.out().contains("100.0 %"), answer.out() + answer.err());
  }

  @Test
  void inspectCountsAsPeftDoes() {
    var result = run("inspect", "--summary", adapter, "--model", model);
    assertTrue(
        result
            .out()
            .contains("trainable params: 31,232 || all params: 115,520 || trainable%: 27.0360"),
        result.out() + result.err());
  }

  @Test
  void configFileGivesFlags() throws IOException {
    Path config = file("good.yaml", "model: " + model + "\nmax_tokens: 2\nprompt: hello\n");
    var result = run("generate", "--config", config);
    assertEquals(0, result.code(), result.err());
  }

  @Test
  void usageErrorsAreCodeTwo() {
    run("generate", "--model", model, "-p", "x", "--quantization", "int3")
        .fails(2, "--quantization is 'int3'");
    run("generate", "--model", model, "-p", "x", "--top-p", 2).fails(2, "top-p is 2");
    run("train", "--model", model, "--data", rows, "--lora-r", 0, "-o", temp.resolve("x"))
        .fails(2, "rank is 0");
    assertEquals(0, run("--help").code());
    assertEquals(0, run("train", "--help").code());
  }
}
