package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import io.gatun.runtime.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DatasetTest {
  private static final String TEMPLATE =
      "{% for m in messages %}<|begin|>{{ m.role }}\\n{{ m.content }}<|end|>{% endfor %}"
          + "{% if add_generation_prompt %}<|begin|>assistant\\n{% endif %}";

  @TempDir Path folder;

  private Tokenizer tokenizer(String config) throws IOException {
    Path source = Golden.file("tokenizers/bbpe_qwen2").resolve("tokenizer.json");
    Path target = folder.resolve("tokenizer.json");
    if (!Files.exists(target)) {
      Files.copy(source, target);
    }
    Files.writeString(folder.resolve("tokenizer_config.json"), config);
    return Tokenizer.load(folder);
  }

  private Tokenizer tokenizer() throws IOException {
    return tokenizer("{\"eos_token\": \"<|end|>\", \"chat_template\": \"" + TEMPLATE + "\"}");
  }

  private Path file(String... lines) throws IOException {
    Path file = folder.resolve("rows.jsonl");
    Files.write(file, List.of(lines));
    return file;
  }

  private static String learned(Tokenizer tokenizer, Example row) {
    int[] ids = new int[row.supervised()];
    int next = 0;
    for (int i = 1; i < row.tokens(); i++) {
      if (row.learned()[i]) {
        ids[next++] = row.ids()[i];
      }
    }
    return tokenizer.decode(ids, false);
  }

  private String learned(String row) throws IOException {
    try (var tokenizer = tokenizer()) {
      return learned(tokenizer, Dataset.jsonl(file(row), tokenizer, 100).row(0));
    }
  }

  private void refused(Tokenizer tokenizer, int maxLength, List<String> parts, String... lines)
      throws IOException {
    Path file = file(lines);
    var e = assertThrows(DatasetException.class, () -> Dataset.jsonl(file, tokenizer, maxLength));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), () -> e.getMessage() + " lacks " + part);
    }
  }

  @Test
  void onlyAnswersAreLearned() throws IOException {
    assertEquals(" 4<|end|>", learned("{\"prompt\": \"2 + 2 =\", \"completion\": \" 4\"}"));
    assertEquals(
        "yes<|end|>no<|end|>",
        learned(
            """
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "yes"}, \
            {"role": "user", "content": "b"}, {"role": "assistant", "content": "no"}]}\
            """));
    assertEquals(
        "3<|end|>", learned("{\"instruction\": \"1 +\", \"input\": \"2\", \"output\": \"3\"}"));
    assertEquals(
        "ho<|end|>",
        learned(
            "{\"conversations\": [{\"from\": \"human\", \"value\": \"hi\"},"
                + " {\"from\": \"gpt\", \"value\": \"ho\"}]}"));
  }

  @Test
  void countsAreRight() throws IOException {
    try (var tokenizer = tokenizer()) {
      var rows =
          Dataset.jsonl(
              file(
                  "{\"prompt\": \"a\", \"completion\": \" b\"}",
                  "{\"prompt\": \"1 2\", \"completion\": \" 3 4 5 6 7 8 9\"}",
                  "{\"prompt\": \"1 2 3 4 5 6 7 8 9 10\", \"completion\": \" 11\"}"),
              tokenizer,
              10);
      var counts = rows.statistics();
      assertEquals(2, rows.size());
      assertEquals(2, counts.cut());
      assertEquals(1, counts.dropped());
      assertEquals(10, counts.longest());
      assertEquals(rows.row(0).tokens() + rows.row(1).tokens(), counts.tokens());
      assertEquals(2, counts.warnings().size());
      assertTrue(counts.warnings().get(0).contains("2 rows are longer than 10"));
      assertTrue(counts.warnings().get(1).contains("1 of the rows"));
      assertTrue(counts.summary().contains("2 rows (prompt/completion)"), counts.summary());
    }
  }

  @Test
  void aPromptThatMergesWithItsCompletionIsCounted() throws IOException {
    try (var tokenizer = tokenizer()) {
      assertEquals(1, tokenizer.encode("en", true).length);
      Path file =
          file(
              "{\"prompt\": \"e\", \"completion\": \"n\"}",
              "{\"prompt\": \"e\", \"completion\": \" n\"}");
      var counts = Dataset.jsonl(file, tokenizer, 100).statistics();
      assertEquals(1, counts.merged());
      assertTrue(counts.warnings().getFirst().contains("in 1 rows"), counts.warnings().toString());
    }
  }

  @Test
  void aRowWithNothingToLearnIsRefused() throws IOException {
    try (var tokenizer = tokenizer()) {
      refused(
          tokenizer,
          100,
          List.of("line 2", "the text is empty", "remove"),
          "{\"text\": \"a b\"}",
          "{\"text\": \"\"}");
      refused(
          tokenizer,
          100,
          List.of("line 1", "no message of the assistant"),
          "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}");
      refused(
          tokenizer,
          5,
          List.of("all 1 rows", "longer than 5 tokens", "raise the maximum length"),
          "{\"prompt\": \"a b c d e f g h i j\", \"completion\": \"k\"}");
    }
  }

  @Test
  void aTokenizerThatCannotServeIsRefused() throws IOException {
    try (var tokenizer = tokenizer("{\"eos_token\": \"<|end|>\"}")) {
      refused(
          tokenizer,
          100,
          List.of("line 1", "no chat template", "prompt and completion"),
          "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}");
    }
    try (var tokenizer = tokenizer("{}")) {
      refused(tokenizer, 100, List.of("no end token", "eos_token"), "{\"text\": \"a b\"}");
    }
    try (var tokenizer =
        tokenizer(
            "{\"eos_token\": \"<|end|>\", \"chat_template\": \"{{ raise_exception('no system')"
                + " }}\"}")) {
      refused(
          tokenizer,
          100,
          List.of("line 1", "no system"),
          "{\"messages\": [{\"role\": \"system\", \"content\": \"a\"}]}");
    }
  }

  @Test
  void rowsOfTokensNeedSomethingToLearn() {
    var nothing = new Example(new int[] {1, 2}, new boolean[] {true, false}, 4);
    var e = assertThrows(DatasetException.class, () -> Dataset.of("mine", List.of(nothing)));
    assertTrue(e.getMessage().contains("mine, row 4"), e.getMessage());
    assertThrows(DatasetException.class, () -> Dataset.of("mine", List.of()));
    assertThrows(IllegalArgumentException.class, () -> new Dataset.Options(1, true));
  }

  @Test
  void aSplitIsAllOfTheRowsOnceAndAlwaysTheSame() {
    var rows = TinyModel.rows(20);
    var parts = rows.split(0.25, 7);
    assertEquals(5, parts.heldOut().size());
    assertEquals(15, parts.rows().size());
    List<Integer> lines = new ArrayList<>(lines(parts.rows()));
    lines.addAll(lines(parts.heldOut()));
    assertEquals(lines(rows), lines.stream().sorted().toList());
    assertEquals(lines(parts.heldOut()), lines(parts.heldOut()).stream().sorted().toList());
    assertEquals(lines(parts.heldOut()), lines(rows.split(0.25, 7).heldOut()));
    assertNotEquals(lines(parts.heldOut()), lines(rows.split(0.25, 8).heldOut()));
    assertTrue(lines(rows.split(0.5, 7).heldOut()).containsAll(lines(parts.heldOut())));
    assertEquals("random rows, held out", parts.heldOut().statistics().name());
  }

  @Test
  void aSplitLeavesARowOnEachSide() {
    var two = TinyModel.rows(2);
    assertEquals(1, two.split(0.99, 1).rows().size());
    assertEquals(1, two.split(1e-9, 1).heldOut().size());
    var e = assertThrows(DatasetException.class, () -> TinyModel.rows(1).split(0.5, 1));
    assertTrue(e.getMessage().contains("holds one row"), e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> two.split(1, 1));
  }

  private static List<Integer> lines(Dataset rows) {
    return rows.rows().stream().map(Example::line).toList();
  }
}
