package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.quant.Golden;
import io.gatun.runtime.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * What TRL's SFTTrainer makes of the same rows: tokens, labels, end tokens, cuts, packing order.
 */
class DatasetGoldenTest {
  @TempDir Path folder;

  @Test
  void rowsAreThoseOfTrl() {
    Golden.files("trl", "sft_prepare.json")
        .run(file -> {
          JsonNode golden = new ObjectMapper().readTree(file.path().toFile());
          Path tokenizer = file.resolve(golden.get("tokenizer").asString());
          try (var loaded = tokenizer(tokenizer, golden)) {
            for (JsonNode c : golden.get("cases")) {
              compare(c, loaded);
            }
          }
        });
  }

  private Tokenizer tokenizer(Path source, JsonNode golden) throws IOException {
    Files.copy(source.resolve("tokenizer.json"), folder.resolve("tokenizer.json"));
    var config =
        JsonNodeFactory.instance
            .objectNode()
            .put("eos_token", golden.get("eos").asString())
            .put("chat_template", golden.get("chat_template").asString());
    Files.writeString(folder.resolve("tokenizer_config.json"), config.toString());
    return Tokenizer.load(folder);
  }

  private void compare(JsonNode c, Tokenizer tokenizer) throws IOException {
    String name = c.get("dataset").asString() + " " + c.get("kw");
    Path file = folder.resolve("rows.jsonl");
    Files.writeString(
        file, String.join("\n", c.get("input").valueStream().map(JsonNode::toString).toList()));
    var options = new Dataset.Options(longest(c), masksPrompt(c));
    List<Example> rows = Dataset.jsonl(file, tokenizer, options).rows();
    if (c.get("kw").path("packing").asBoolean(false)) {
      int[] lengths = rows.stream().mapToInt(Example::tokens).toArray();
      List<Example> inOrder = rows;
      rows =
          Packing.bestFitDecreasing(lengths, 16).stream()
              .flatMap(List::stream)
              .map(inOrder::get)
              .toList();
    }
    assertEquals(c.get("rows").size(), rows.size(), name);
    for (int i = 0; i < rows.size(); i++) {
      JsonNode expected = c.get("rows").get(i);
      assertArrayEquals(ints(expected.get("input_ids")), rows.get(i).ids(), name);
      assertArrayEquals(ints(expected.get("labels")), labels(rows.get(i)), name);
    }
  }

  /** The file does not say to what length rows were cut; one row was, and is the longest. */
  private static int longest(JsonNode c) {
    return c.get("rows").valueStream().mapToInt(r -> r.get("input_ids").size()).max().orElseThrow();
  }

  /** TRL learns completions only by default, but all turns of a conversation. */
  private static boolean masksPrompt(JsonNode c) {
    boolean completions = c.get("dataset").asString().startsWith("prompt_completion");
    return completions
        ? c.get("kw").path("completion_only_loss").asBoolean(true)
        : c.get("kw").path("assistant_only_loss").asBoolean(false);
  }

  private static int[] labels(Example row) {
    int[] labels = row.ids().clone();
    for (int i = 0; i < labels.length; i++) {
      labels[i] = row.learned()[i] ? labels[i] : -100;
    }
    return labels;
  }

  private static int[] ints(JsonNode array) {
    return array.valueStream().mapToInt(JsonNode::asInt).toArray();
  }
}
