package io.gatun.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every command on a tiny model, and what it says when something is wrong. */
class CommandLineTest {
  @TempDir static Path temp;

  private static Path model;
  private static Path rows;
  private static Path adapter;

  private record Result(int code, String out, String err) {}

  private static Result run(Object... args) {
    var out = new StringWriter();
    var err = new StringWriter();
    String[] words = new String[args.length];
    for (int i = 0; i < args.length; i++) {
      words[i] = args[i].toString();
    }
    int code = Main.run(new PrintWriter(out), new PrintWriter(err), words);
    return new Result(code, out.toString(), err.toString());
  }

  private static Path file(String name, String content) throws IOException {
    return Files.writeString(temp.resolve(name), content);
  }

  private static void assertFails(int code, String sentence, Result result) {
    assertTrue(result.err.contains(sentence), () -> "expected '" + sentence + "' in " + result);
    assertFalse(result.err.contains("\tat "), () -> "a stack trace: " + result.err);
    assertEquals(code, result.code);
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
    assertEquals(0, result.code, result.err);
    assertTrue(result.out.contains("trainable params: "), result.out);
  }

  @Test
  void evaluationShowsBothFigures() {
    var result = run("eval", "--model", model, "--adapter-path", adapter, "--data", rows);
    assertEquals(0, result.code, result.err);
    assertTrue(result.out.contains("base 0.0 % (0) -> with adapter 100.0 % (16)"), result.out);
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
    assertEquals(0, raw.code, raw.err);
    assertEquals(" two", raw.out.stripTrailing());
    var several =
        run("generate", "--model", model, "-p", "hello", "-p", "world", "--max-tokens", 3);
    assertEquals(0, several.code, several.err);
    assertTrue(several.out.contains("> hello") && several.out.contains("> world"), several.out);
  }

  @Test
  void mergedModelAnswersLikeTheAdapter() {
    Path merged = temp.resolve("merged");
    var merge =
        run("merge", "--model", model, "--adapter-path", adapter, "-o", merged, "--dtype", "f32");
    assertEquals(0, merge.code, merge.err);
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
    assertEquals(" four", answer.out.stripTrailing(), answer.err);
    assertFails(
        2,
        "already holds files",
        run("merge", "--model", model, "--adapter-path", adapter, "-o", merged));
  }

  @Test
  void verifyComparesEveryWayOfMerging() {
    var result = run("verify", model, adapter, "--prompt", "one plus one is two", "--per-layer");
    assertEquals(0, result.code, result.err);
    assertTrue(result.out.contains("the base as trained, kept in f32"), result.out);
    assertTrue(result.out.contains("the original weights, kept in bf16"), result.out);
    assertTrue(result.out.contains("after layer   1"), result.out);
  }

  @Test
  void quantizedModelIsReadAgain() {
    Path quantized = temp.resolve("quantized");
    var result = run("quantize", "--model", model, "--save-path", quantized);
    assertEquals(0, result.code, result.err);
    var inspected = run("inspect", "--summary", quantized);
    assertTrue(inspected.out.contains("84,288 parameters"), inspected.out + inspected.err);
    var answer =
        run("eval", "--model", quantized, "--adapter-path", adapter, "--data", rows, "--no-base");
    assertTrue(answer.out.contains("100.0 %"), answer.out + answer.err);
  }

  @Test
  void inspectCountsAsPeftDoes() {
    var result = run("inspect", "--summary", adapter, "--model", model);
    assertTrue(
        result.out.contains(
            "trainable params: 31,232 || all params: 115,520 || trainable%: 27.0360"),
        result.out + result.err);
  }

  @Test
  void configFileGivesFlags() throws IOException {
    Path config = file("good.yaml", "model: " + model + "\nmax_tokens: 2\nprompt: hello\n");
    var result = run("generate", "--config", config);
    assertEquals(0, result.code, result.err);
    assertFails(
        2,
        "unknown key 'max_tokns'; did you mean 'max-tokens'?",
        run("generate", "--config", file("bad.yaml", "max_tokns: 2\n")));
    assertFails(2, "there is no file", run("generate", "--config", temp.resolve("none.yaml")));
  }

  @Test
  void usageErrorsAreCodeTwo() {
    assertFails(2, "Unknown option", run("train", "--model", model, "--data", rows, "--epocs", 3));
    assertFails(
        2,
        "--quantization is 'int3'",
        run("generate", "--model", model, "-p", "x", "--quantization", "int3"));
    assertFails(2, "top-p is 2", run("generate", "--model", model, "-p", "x", "--top-p", 2));
    assertFails(
        2,
        "rank is 0",
        run("train", "--model", model, "--data", rows, "--lora-r", 0, "-o", temp.resolve("x")));
    assertEquals(0, run("--help").code);
    assertEquals(0, run("train", "--help").code);
  }

  @Test
  void inputErrorsAreCodeOne() throws IOException {
    Path out = temp.resolve("out");
    assertFails(1, "nowhere", run("generate", "--model", temp.resolve("nowhere"), "-p", "x"));
    assertFails(
        1,
        "empty.jsonl",
        run("train", "--model", model, "--data", file("empty.jsonl", ""), "-o", out));
    assertFails(
        1, "csv", run("train", "--model", model, "--data", file("x.csv", "a,b\n1,2\n"), "-o", out));
    assertFails(
        1,
        "masked.jsonl",
        run(
            "train",
            "--model",
            model,
            "-o",
            out,
            "--data",
            file("masked.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}\n")));
    assertFails(
        1, "context is 256", run("generate", "--model", model, "--raw", "-p", "x".repeat(300)));
    assertFalse(Files.exists(out.resolve("adapter_config.json")));
  }

  @Test
  void strangersAreRefused() throws IOException {
    Path other = TinyModel.write(temp.resolve("other"));
    String config = Files.readString(other.resolve("config.json"));
    Files.writeString(
        other.resolve("config.json"),
        config.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1"));
    assertFails(
        1, "layers.1", run("generate", "--model", other, "--adapter-path", adapter, "-p", "x"));
    Files.copy(
        Golden.file("tokenizers/bbpe_gpt2/tokenizer.json"),
        TinyModel.write(temp.resolve("stranger")).resolve("tokenizer.json"),
        StandardCopyOption.REPLACE_EXISTING);
    assertFails(
        1,
        "the model's vocabulary is 128",
        run("generate", "--model", temp.resolve("stranger"), "-p", "x"));
  }

  @Test
  void truncatedGgufIsRefused() throws IOException {
    byte[] whole = Files.readAllBytes(Golden.file("gguf/tiny_llama_f16.gguf"));
    for (int length : new int[] {3, 20, 1000, whole.length / 2, whole.length - 1}) {
      Path cut = temp.resolve("cut" + length + ".gguf");
      Files.write(cut, Arrays.copyOf(whole, length));
      assertFails(1, cut.toString(), run("inspect", cut));
    }
  }
}
