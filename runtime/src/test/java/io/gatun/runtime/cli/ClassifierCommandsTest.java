package io.gatun.runtime.cli;

import static io.gatun.runtime.cli.Invocation.run;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.quant.Golden;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.SafetensorsWriter;
import io.gatun.quant.checkpoint.TensorData;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.TinyClassifier;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Merging, verifying and inspecting classifiers, and what is wrong with an adapter's head. */
class ClassifierCommandsTest {
  private static final List<String> NAMES = List.of("no", "yes", "maybe");

  @TempDir static Path temp;

  private static Path model;
  private static Path bare;

  @TempDir Path folder;

  private Path adapter;

  @BeforeAll
  static void writeModels() throws IOException {
    model = TinyModel.writeClassifier("tiny_bert_cls", temp.resolve("model"));
    bare = TinyModel.writeClassifier("tiny_llama", temp.resolve("bare"));
  }

  /** An adapter with a head for three labels with names. */
  @BeforeEach
  void writeAdapter() {
    adapter = folder.resolve("adapter");
    var labels = Labels.of(NAMES.toArray(String[]::new));
    try (Device device = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      var base = TinyClassifier.load("models/tiny_llama", labels, DType.F32, device, arena);
      TinyClassifier.adapter(base, 0, arena).save(adapter);
    }
  }

  private static List<JsonNode> predict(Object... flags) {
    var args = new ArrayList<Object>(List.of("predict", "--dtype", "f32"));
    args.addAll(List.of(flags));
    args.addAll(List.of("a cat", "Hello, world!", "is it?"));
    return run(args.toArray())
        .succeeds()
        .out()
        .lines()
        .map(line -> new ObjectMapper().readTree(line))
        .toList();
  }

  @Test
  void aMergedModelNeedsNoAdapter() throws IOException {
    merges(bare, adapter, NAMES);
    merges(model, Golden.file("peft/bert_cls_lora"), List.of("LABEL_0", "LABEL_1", "LABEL_2"));
  }

  private void merges(Path base, Path lora, List<String> names) throws IOException {
    Path merged = folder.resolve("merged-" + names.getFirst());
    run("merge", "-m", base, "--adapter-path", lora, "-o", merged, "--dtype", "f32").succeeds();
    var beside = predict("-m", base, "--adapter-path", lora);
    var alone = predict("-m", merged);
    for (int i = 0; i < beside.size(); i++) {
      assertEquals(beside.get(i).path("label"), alone.get(i).path("label"));
      for (var name : names) {
        double expected = beside.get(i).path("scores").path(name).doubleValue();
        double actual = alone.get(i).path("scores").path(name).doubleValue();
        assertEquals(expected, actual, Golden.tolerance("merged"));
      }
    }
    var config = new ObjectMapper().readTree(Files.readString(merged.resolve("config.json")));
    assertEquals("single_label_classification", config.path("problem_type").stringValue());
    assertEquals(2, config.path("label2id").path(names.get(2)).intValue());
    assertEquals(names.get(2), config.path("id2label").path("2").stringValue());
    var inspected = run("inspect", "--summary", merged).succeeds();
    String labels = "3 labels (single_label_classification): " + String.join(", ", names);
    assertTrue(inspected.out().contains(labels), inspected.out());
  }

  @Test
  void aClassifierGeneratesNothing() {
    run("generate", "-m", model, "-p", "x").fails(2, model + " is for classifying");
    run("chat", "-m", bare, "--adapter-path", adapter)
        .fails(2, adapter + " is for classifying", "gatun predict");
  }

  @Test
  void verifyComparesLogitsScoresAndLabels() throws IOException {
    Path rows = folder.resolve("rows.jsonl");
    Files.writeString(rows, "{\"text\": \"a cat\"}\n".repeat(5));
    var result = run("verify", bare, adapter, "--data", rows, "--rows", 4).succeeds();
    assertTrue(result.out().contains("nf4 base with the adapter beside it"), result.out());
    assertTrue(result.out().contains("4 texts, 3 labels."), result.out());
    assertTrue(result.out().contains("max score  other labels"), result.out());
    assertTrue(
        result
            .out()
            .lines()
            .anyMatch(line ->
                line.startsWith("the base as trained, kept in f32") && line.endsWith("0 of 4")),
        result.out());
    assertTrue(result.out().contains("the original weights, kept in bf16"), result.out());
    run("verify", bare, adapter, "--per-layer").fails(2, "--per-layer is for language models");
    Path regression =
        TinyModel.writeClassifier("tiny_distilbert_regression", folder.resolve("regression"));
    run("verify", regression, Golden.file("peft/distilbert_regression_lora")).succeeds();
  }

  @Test
  void inspectCountsAsPeftDoes() {
    var expected =
        Map.of(
            "bert_cls_lora", "trainable params: 2,243 || all params: 77,830 || trainable%: 2.8819",
            "bert_bare_lora",
                "trainable params: 4,483 || all params: 25,126 || trainable%: 17.8421",
            "qwen2_cls_lora",
                "trainable params: 3,808 || all params: 22,624 || trainable%: 16.8317");
    var bases =
        Map.of(
            "bert_cls_lora", "models/tiny_bert_cls",
            "bert_bare_lora", "bare/tiny_bert",
            "qwen2_cls_lora", "models/tiny_qwen2_cls");
    expected.forEach((name, line) -> {
      var base = Golden.file(bases.getOrDefault(name, ""));
      var result = run("inspect", "--summary", Golden.file("peft/" + name), "--model", base);
      assertTrue(result.succeeds().out().contains(line), result.out());
    });
    assertTrue(run("inspect", adapter).out().contains("no, yes, maybe"));
    assertTrue(
        run("inspect", "--summary", Golden.file("bare/tiny_bert"))
            .out()
            .contains("no head for labels: an adapter brings bert.pooler.dense and classifier"));
  }

  /** Whoever uses the adapter is told the same. */
  private void refused(Path base, String... sentence) throws IOException {
    Path rows = Files.writeString(folder.resolve("row.jsonl"), "{\"text\": \"a\", \"label\": 1}");
    run("predict", "-m", base, "--adapter-path", adapter, "a").fails(1, sentence);
    run("eval", "-m", base, "--adapter-path", adapter, "--data", rows).fails(1, sentence);
    Path out = folder.resolve("out");
    run("merge", "-m", base, "--adapter-path", adapter, "-o", out).fails(1, sentence);
    assertTrue(Files.notExists(out));
    run("verify", base, adapter).fails(1, sentence);
  }

  @Test
  void aHeadThatIsNotThere() throws IOException {
    Path file = adapter.resolve("adapter_model.safetensors");
    try (Arena arena = Arena.ofConfined()) {
      var stored = Checkpoint.open(file, arena);
      var kept =
          stored.names().stream()
              .filter(name -> !name.contains("score"))
              .map(name -> {
                float[] values = stored.readFloats(name);
                return TensorData.floats(name, stored.info(name).shape(), () -> values);
              })
              .toList();
      SafetensorsWriter.write(file, Map.of(), kept);
    }
    refused(
        bare,
        file
            + ": tensor base_model.model.score.weight is missing; a head for [no, yes, maybe]"
            + " needs [3, 64]");
  }

  @Test
  void labelsThatTheHeadDoesNotHave() throws IOException {
    Path labels = adapter.resolve("labels.json");
    Files.writeString(labels, "{\"id2label\": {\"0\": \"no\", \"1\": \"yes\"}}");
    refused(bare, "score.weight is [3, 64]; a head for [no, yes] needs [2, 64]");
    Files.writeString(labels, "{\"id2label\": {\"0\": \"no\", \"2\": \"yes\"}}");
    refused(bare, labels + ": id2label and problem_type: of 2 labels each from 0 on needs a name");
    Files.writeString(labels, "{\"id2label\": ");
    refused(bare, labels + ": not JSON");
    Files.writeString(labels, "{\"id2label\": {\"0\": \"no\", \"1\": \"no\", \"2\": \"yes\"}}");
    refused(bare, labels + ": id2label and problem_type: labels need at least one name, and each");
  }

  @Test
  void aModelThatTheAdapterIsNotFor() throws IOException {
    refused(model, adapter + ": target_modules", "match no linear layer of the model");
    Path qwen = TinyModel.writeClassifier("tiny_qwen2_cls", folder.resolve("qwen"));
    refused(qwen, "adapter_model.safetensors: 29 problems", "this base and rank need");
    Path llama = TinyModel.writeClassifier("tiny_llama_cls", folder.resolve("llama"));
    Files.writeString(
        adapter.resolve("labels.json"), "{\"id2label\": {\"0\": \"no\", \"1\": \"yes\"}}");
    refused(llama, llama + ": its head score is for 3 labels ([3, 64]), not for 2 ([no, yes])");
  }
}
