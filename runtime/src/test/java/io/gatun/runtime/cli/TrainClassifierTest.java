package io.gatun.runtime.cli;

import static io.gatun.runtime.cli.Invocation.run;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
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

/** {@code gatun train --task classification}, from rows to an adapter that predicts. */
class TrainClassifierTest {
  @TempDir static Path temp;

  private static Path encoder; // without a head
  private static Path decoder;

  @TempDir Path folder;

  @BeforeAll
  static void writeModels() throws IOException {
    encoder = TinyModel.writeClassifier("tiny_bert_cls", temp.resolve("encoder"));
    TinyModel.removeHead(encoder);
    decoder = TinyModel.write("tiny_qwen2", temp.resolve("decoder"));
  }

  private Path file(String name, String... lines) throws IOException {
    return Files.write(folder.resolve(name), List.of(lines));
  }

  private static String row(String text, String label) {
    return "{\"text\": \"%s\", \"label\": %s}".formatted(text, label);
  }

  /** Rows of one letter several times, which is their label. */
  private static String[] letters(int count, String letters) {
    return IntStream.range(0, count)
        .mapToObj(i -> {
          String letter = letters.substring(i % letters.length(), i % letters.length() + 1);
          return row(letter.repeat(3 + i % 5), "\"" + letter + "\"");
        })
        .toArray(String[]::new);
  }

  private Invocation train(Path model, Path data, Object... flags) {
    List<Object> words = new ArrayList<>(List.of("train", "--task", "classification"));
    words.addAll(List.of("--model", model, "--data", data, "-o", folder.resolve("out")));
    words.addAll(List.of(flags));
    return run(words.toArray());
  }

  /** The sentence of a training that does not begin, and leaves nothing. */
  private void refused(int code, String sentence, Path model, Path data, Object... flags) {
    train(model, data, flags).fails(code, sentence);
    assertFalse(Files.exists(folder.resolve("out/adapter_config.json")));
  }

  private List<JsonNode> metrics() throws IOException {
    return Files.readAllLines(folder.resolve("out/metrics.jsonl")).stream()
        .map(line -> new ObjectMapper().readTree(line))
        .toList();
  }

  private void delete(Path directory) throws IOException {
    try (var files = Files.list(directory)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
  }

  @Test
  void rowsAreLearnedAndPredicted() throws IOException {
    Path rows = file("rows.jsonl", letters(60, "xyz"));
    for (Path model : List.of(encoder, decoder)) {
      var out =
          train(model, rows, "--valid-split", 0.2, "--epochs", 8, "--lr", 2e-2).succeeds().out();
      assertTrue(out.contains("60 rows (3 labels: x 20, y 20, z 20), "), out);
      assertTrue(out.contains("of these rows 48 are trained on and 12 held out"), out);
      assertTrue(
          out.contains("new in the head: " + (model.equals(encoder) ? "classifier;" : "score;")),
          out);
      assertTrue(out.contains("trainable params: "), out);
      assertTrue(out.contains("held-out rows, before -> after: loss "), out);
      assertTrue(out.contains(" -> 100.0 %, macro F1 "), out);
      assertTrue(out.stripTrailing().endsWith(": accuracy 100.0 %"), out);
      var predicted =
          run("predict", "-m", model, "--adapter-path", folder.resolve("out"), "yyyy", "zzzzz");
      var lines = predicted.succeeds().out().lines().map(new ObjectMapper()::readTree).toList();
      assertEquals(
          List.of("y", "z"), lines.stream().map(l -> l.path("label").stringValue()).toList());
      delete(folder.resolve("out"));
    }
  }

  @Test
  void flagsAreKeysAndDefaultsAreThoseOfTheTask() throws IOException {
    file("train.jsonl", letters(20, "xy"));
    file("valid.jsonl", letters(6, "yx"));
    Path config =
        file("config.yaml", "task: classification", "model: " + encoder, "data: " + folder);
    Path out = folder.resolve("out");
    run("train", "--config", config, "-o", out, "--epochs", 1).succeeds();
    var header = metrics().getFirst();
    assertEquals(1e-3, header.at("/plan/learning_rate").asDouble());
    assertEquals(2048, header.at("/plan/micro_batch_tokens").asInt());
    assertEquals("accuracy", header.at("/evaluation/metric").asString());
    assertEquals("best", header.at("/evaluation/keep").asString());
    assertEquals(20, header.at("/data/rows").asInt());
    assertEquals(6, header.at("/held_out/rows").asInt());
    assertEquals(2, metrics().stream().filter(line -> line.has("eval")).count());
  }

  /** By default as its configuration says, 0.1 everywhere; or none, by a flag or a key. */
  @Test
  void theBaseDropsUnlessToldOtherwise() throws IOException {
    Path rows = file("rows.jsonl", letters(20, "xy"));
    Path config = file("config.yaml", "base_dropout: false");
    var losses = new ArrayList<Double>();
    var places = new ArrayList<Integer>();
    for (String flags : List.of("", "--no-base-dropout", "--config " + config)) {
      Object[] more = flags.isEmpty() ? new Object[0] : flags.split(" ");
      train(encoder, rows, more).succeeds();
      losses.add(
          metrics().stream()
              .filter(line -> line.has("loss"))
              .toList()
              .getLast()
              .path("loss")
              .asDouble());
      places.add(metrics().getFirst().at("/model/dropout").size());
      delete(folder.resolve("out"));
    }
    assertNotEquals(losses.get(0), losses.get(1));
    assertEquals(losses.get(1), losses.get(2));
    assertEquals(List.of(5, 0, 0), places);
  }

  @Test
  void theHeadOfAModelKeepsTheOrderOfItsLabels() throws IOException {
    Path model = TinyModel.writeClassifier("tiny_bert_multilabel", temp.resolve("emotions"));
    String[] rows = {row("ab", "[\"fear\", \"anger\"]"), row("cd", "[\"joy\"]"), row("ef", "[]")};
    var result = train(model, file("rows.jsonl", rows), "--iters", 1).succeeds();
    assertFalse(result.out().contains("new in the head"), result.out());
    var labels = new ObjectMapper().readTree(folder.resolve("out/labels.json").toFile());
    assertEquals("joy", labels.at("/id2label/0").asString());
    assertEquals("anger", labels.at("/id2label/1").asString());
    assertEquals("multi_label_classification", labels.path("problem_type").asString());
    delete(folder.resolve("out"));
    refused(
        1,
        "its head classifier is for 4 labels ([4, 32]), not for 1 ([shame])",
        model,
        file("other.jsonl", row("ab", "[\"shame\"]")));
  }

  @Test
  void pairsAndNumbers() throws IOException {
    String pair = "{\"text1\": \"%s\", \"text2\": \"%s\", \"label\": %s}";
    Path rows = file("pairs.jsonl", pair.formatted("a", "b", "0.5"), pair.formatted("c", "d", "1"));
    var result = train(encoder, rows, "--valid", rows, "--iters", 2).succeeds();
    assertTrue(result.out().contains("2 rows (values from 0.5 to 1.0)"), result.out());
    assertTrue(result.out().contains(", Pearson correlation "), result.out());
    assertEquals("loss", metrics().getFirst().at("/evaluation/metric").asString());
  }

  @Test
  void longTextsAreCutAndCounted() throws IOException {
    Path rows = file("rows.jsonl", row("a".repeat(100), "\"x\""), row("b", "\"y\""));
    var out = train(encoder, rows, "--iters", 1).succeeds().out();
    assertTrue(
        out.contains("rows.jsonl: 1 of the rows are longer than 64 tokens and were cut"), out);
    delete(folder.resolve("out"));
    refused(
        1,
        "row 1 has 80 tokens, the context of the model is 64",
        encoder,
        rows,
        "--max-seq-length",
        80);
    refused(
        1,
        "rows.jsonl: 1 tokens are too few: the tokenizer alone adds 2; raise the maximum",
        encoder,
        rows,
        "--max-seq-length",
        1);
  }

  @Test
  void labelsThatCannotBeLearned() throws IOException {
    Path rows = file("rows.jsonl", letters(8, "xy"));
    Path stranger = file("test.jsonl", row("a", "\"x\""), row("b", "\"z\""));
    refused(
        1,
        stranger
            + ", line 2: the label \"z\" does not occur in the rows that were trained on (x,"
            + " y); remove the row, or train on rows with that label.",
        encoder,
        rows,
        "--valid",
        stranger);
    refused(
        1,
        "every row has the label \"x\"; a classifier needs rows with at least two labels.",
        encoder,
        file("one.jsonl", letters(4, "x")));
    refused(
        1,
        "mixed.jsonl, line 2: the label is an integer, in the rows before it is a string; all rows"
            + " need labels of one kind.",
        encoder,
        file("mixed.jsonl", row("a", "\"x\""), row("b", "1")));
    refused(
        1,
        "empty.jsonl, line 2: text is empty, so there is nothing to classify; remove the row.",
        encoder,
        file("empty.jsonl", row("a", "\"x\""), row("", "\"y\"")));
    Path split = file("split.jsonl", row("a", "\"x\""), row("b", "\"y\""));
    var out = train(encoder, split, "--valid-split", 0.5, "--iters", 1).succeeds().out();
    assertTrue(out.contains("split.jsonl, not held out: no row has the label "), out);
  }

  @Test
  void filesThatAreNotForClassifiers() throws IOException {
    Path rows = file("rows.jsonl", letters(8, "xy"));
    refused(
        1,
        "table.csv, line 1: a row is a JSON object and starts with {, this line starts with \"t\";"
            + " CSV and plain text must be converted",
        encoder,
        file("table.csv", "text,label", "a,x"));
    refused(
        1,
        "the row has the keys prompt, completion, but no text to classify; rows need one of",
        encoder,
        file("chat.jsonl", "{\"prompt\": \"a\", \"completion\": \"b\"}"));
    Path mute = Files.createDirectory(folder.resolve("mute"));
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(encoder.resolve(name), mute.resolve(name));
    }
    refused(1, mute + " has no tokenizer.json; put the one that the model came with", mute, rows);
    Path out = folder.resolve("out");
    run("train", "--model", encoder, "--data", rows, "-o", out)
        .fails(2, "an encoder, which does not generate", "add --task classification");
    run("train", "--model", decoder, "--data", rows, "-o", out)
        .fails(1, "the row is for classification (label)", "--task classification");
  }

  @Test
  void flagsThatWouldDoNothingAreRefused() throws IOException {
    Path rows = file("rows.jsonl", letters(8, "xy"));
    refused(2, "--eval-exact-match is for language models", encoder, rows, "--eval-exact-match");
    refused(2, "--no-mask-prompt is for language models", encoder, rows, "--no-mask-prompt");
    refused(2, "--metric needs held-out rows", encoder, rows, "--metric", "f1");
    refused(
        1,
        "The metric perplexity is not measured in this run; loss, accuracy, f1 can be.",
        encoder,
        rows,
        "--valid",
        rows,
        "--metric",
        "perplexity");
    run("train", "--task", "summary", "--model", encoder, "--data", rows)
        .fails(2, "'--task': expected one of [LANGUAGE, CLASSIFICATION]");
  }

  @Test
  void anAdapterWhoseHeadHasOtherLabels() throws IOException {
    Path rows = file("rows.jsonl", letters(8, "xyz"));
    train(encoder, rows, "--iters", 1).succeeds();
    Path labels = folder.resolve("out/labels.json");
    Files.writeString(labels, Files.readString(labels).replace(",\n    \"2\" : \"z\"", ""));
    run("predict", "-m", encoder, "--adapter-path", folder.resolve("out"), "x")
        .fails(1, "classifier.weight is [3, 64]; a head for [x, y] needs [2, 64]");
  }
}
