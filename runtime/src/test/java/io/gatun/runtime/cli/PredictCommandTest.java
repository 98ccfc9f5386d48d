package io.gatun.runtime.cli;

import static io.gatun.runtime.cli.Invocation.run;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Lines of JSON for texts from arguments, files and pipes; a sentence for what is wrong. */
class PredictCommandTest {
  private static final Path ADAPTER = Golden.file("peft/bert_cls_lora");

  @TempDir static Path temp;

  private static Path model;

  @TempDir Path folder;

  @BeforeAll
  static void writeModel() throws IOException {
    model = TinyModel.writeClassifier("tiny_bert_cls", temp.resolve("model"));
  }

  private static Invocation predict(Object... args) {
    var all = new ArrayList<Object>(List.of("predict", "-m", model, "--dtype", "f32"));
    all.addAll(List.of("--quantization", "f32"));
    all.addAll(List.of(args));
    return run(all.toArray());
  }

  private Path file(String name, String... lines) throws IOException {
    return Files.write(folder.resolve(name), List.of(lines));
  }

  private static List<JsonNode> lines(Invocation invocation) {
    return invocation.out().lines().map(line -> new ObjectMapper().readTree(line)).toList();
  }

  private static void assertSameScores(JsonNode expected, JsonNode actual) {
    assertEquals(expected.path("label"), actual.path("label"));
    assertEquals(3, expected.path("scores").size());
    assertEquals(expected.path("scores"), actual.path("scores"));
  }

  @Test
  void textsAndTheirScores() {
    var lines = lines(predict("a cat", "Hello, world!").succeeds());
    assertEquals(2, lines.size());
    assertEquals("a cat", lines.getFirst().path("text").stringValue());
    assertFalse(lines.getFirst().has("line"));
    for (var line : lines) {
      var scores = line.path("scores");
      assertEquals(List.of("LABEL_0", "LABEL_1", "LABEL_2"), List.copyOf(scores.propertyNames()));
      double sum = scores.valueStream().mapToDouble(JsonNode::doubleValue).sum();
      assertEquals(1, sum, Golden.tolerance("logits"));
      double best = scores.valueStream().mapToDouble(JsonNode::doubleValue).max().orElseThrow();
      assertEquals(best, scores.path(line.path("label").stringValue()).doubleValue());
    }
  }

  @Test
  void rowsOfAFile() throws IOException {
    var one = lines(predict("a cat").succeeds()).getFirst();
    Path rows =
        file(
            "rows.jsonl",
            "{\"text\": \"a cat\", \"label\": \"LABEL_1\", \"id\": \"x7\", \"other\": 3}",
            "",
            "{\"text\": \"" + "y".repeat(70) + "\"}");
    var invocation = predict("--file", rows).succeeds();
    var lines = lines(invocation);
    assertEquals(2, lines.size());
    assertSameScores(one, lines.getFirst());
    assertEquals(
        List.of("line", "id", "text", "expected", "label", "scores"),
        List.copyOf(lines.getFirst().propertyNames()));
    assertEquals("LABEL_1", lines.getFirst().path("expected").stringValue());
    assertEquals(3, lines.get(1).path("line").intValue());
    assertEquals(8, lines.get(1).path("tokens_cut").intValue());
    assertTrue(
        invocation.err().strip().endsWith("1 of 2 texts are longer than 64 tokens and were cut"),
        invocation.err());
  }

  @Test
  void textsOfAPlainFileAndPairs() throws IOException {
    var one = lines(predict("a cat").succeeds()).getFirst();
    var plain = lines(predict("--file", file("rows.txt", "a dog", "a cat")).succeeds());
    assertSameScores(one, plain.get(1));
    Path pairs = file("pairs.jsonl", "{\"sentence1\": \"a\", \"sentence2\": \"cat\"}");
    var pair = lines(predict("--file", pairs).succeeds()).getFirst();
    assertEquals("cat", pair.path("sentence2").stringValue());
    assertFalse(pair.path("scores").equals(one.path("scores")));
  }

  @Test
  void moreRowsThanAreHeldAtATime() throws IOException {
    String[] rows =
        IntStream.range(0, 1100)
            .mapToObj(i -> "text %d of some".formatted(i))
            .toArray(String[]::new);
    var lines = lines(predict("--file", file("many.txt", rows)).succeeds());
    for (int i = 0; i < rows.length; i++) {
      assertEquals(rows[i], lines.get(i).path("text").stringValue());
      assertEquals(i + 1, lines.get(i).path("line").intValue());
    }
  }

  @Test
  void labelsThatApplyTogetherAndValues() throws IOException {
    Path several = TinyModel.writeClassifier("tiny_bert_multilabel", folder.resolve("several"));
    var line = lines(run("predict", "-m", several, "a cat").succeeds()).getFirst();
    var applying = line.path("labels").valueStream().map(JsonNode::stringValue).toList();
    for (var score : line.path("scores").properties()) {
      assertEquals(
          score.getValue().doubleValue() > 1 / 2.0,
          applying.contains(score.getKey()),
          line::toString);
    }
    Path regression =
        TinyModel.writeClassifier("tiny_distilbert_regression", folder.resolve("regression"));
    var value = lines(run("predict", "-m", regression, "a cat").succeeds()).getFirst();
    assertEquals(List.of("text", "value"), List.copyOf(value.propertyNames()));
  }

  @Test
  void anAdapterAnswersWithItsHead() {
    var base = lines(predict("a cat").succeeds()).getFirst();
    var tuned = lines(predict("--adapter-path", ADAPTER, "a cat").succeeds()).getFirst();
    assertFalse(base.path("scores").equals(tuned.path("scores")));
  }

  /** In a process of its own: a line is answered before the next is written, and nothing else. */
  @Test
  void aPipeIsAnsweredLineByLine() throws IOException, InterruptedException {
    var process =
        Invocation.process(List.of(), "predict", "-m", model)
            .redirectError(folder.resolve("err").toFile())
            .start();
    try (var in = process.outputWriter(StandardCharsets.UTF_8);
        var out = process.inputReader(StandardCharsets.UTF_8)) {
      for (var text : List.of("hi", "a cat")) {
        in.write(text + "\n");
        in.flush();
        var line = new ObjectMapper().readTree(out.readLine());
        assertEquals(text, line.path("text").stringValue());
      }
      in.write(" \n");
      in.flush();
      assertEquals(-1, out.read());
    }
    assertEquals(1, process.waitFor());
    assertTrue(
        Files.readString(folder.resolve("err"))
            .contains(
                "standard input, line 3: the line is empty, so there is nothing to classify"));
  }

  @Test
  void rowsBeforeAMistakeAreAnswered() throws IOException {
    Path rows = file("rows.jsonl", "{\"text\": \"a\"}", "{\"text\": \" \"}");
    var invocation = predict("--file", rows);
    invocation.fails(1, rows + ", line 2: text is empty, so there is nothing to classify");
    assertEquals(1, lines(invocation).size());
    predict("--file", file("no.jsonl", "{\"prompt\": \"a\"}"))
        .fails(1, "line 1: the row has the keys prompt, but no text to classify");
    predict("--file", file("no.csv", "text", "a")).fails(1, "CSV and plain text must be converted");
    predict("--file", file("empty.txt")).fails(1, "empty.txt holds no row");
    predict("--file", folder.resolve("none.txt")).fails(1, "does not exist");
    predict("--file", rows, "text").fails(2, "use one of them");
    predict("a", "").fails(2, "TEXT 2 is empty");
    predict("--max-seq-length", 99, "a").fails(2, "the model reads 1 to 64");
    predict("--max-seq-length", 1, "a").fails(1, "1 tokens are too few");
  }

  @Test
  void modelsWithoutHead() throws IOException {
    Path bare = TinyModel.writeClassifier("tiny_llama", folder.resolve("bare"));
    run("predict", "-m", bare, "a")
        .fails(
            2,
            bare + " classifies nothing yet: it has no weights for score",
            "--adapter-path",
            "train --task classification");
    run("predict", "-m", bare, "--adapter-path", Golden.file("peft/llama_lora"), "a")
        .fails(1, "the adapter is for the task CAUSAL_LM");
    run("predict", "-m", bare, "--adapter-path", ADAPTER, "a")
        .fails(1, "target_modules [query, value] match no linear layer of the model");
  }
}
