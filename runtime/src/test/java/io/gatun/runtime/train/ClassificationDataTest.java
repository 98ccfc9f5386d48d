package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.Problem;
import io.gatun.runtime.model.Target;
import io.gatun.runtime.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClassificationDataTest {
  private static final int MAX_LENGTH = 8;

  @TempDir Path folder;

  /** 1, a token for each letter, 2; of a pair also the letters of the second, and 2 again. */
  private static TextEncoder.Encoded letters(String first, Optional<String> second, int most) {
    String rest = second.map(text -> text + "]").orElse("");
    int room = most - 2 - (second.isPresent() ? 1 : 0);
    int extra = Math.max(0, first.length() + rest.length() - (second.isPresent() ? 1 : 0) - room);
    String kept = first.substring(0, first.length() - extra);
    String all = "[" + kept + "]" + rest;
    int[] ids = all.chars().map(c -> c == '[' ? 1 : c == ']' ? 2 : c).toArray();
    int[] types = new int[ids.length];
    for (int i = kept.length() + 2; i < ids.length; i++) {
      types[i] = 1;
    }
    return new TextEncoder.Encoded(ids, types, extra > 0);
  }

  private Path file(String name, String... lines) throws IOException {
    return Files.write(folder.resolve(name), List.of(lines));
  }

  private ClassificationData training(String... lines) throws IOException {
    return ClassificationData.training(
        file("train.jsonl", lines), Optional.empty(), ClassificationDataTest::letters, MAX_LENGTH);
  }

  private ClassificationData heldOut(Labels labels, String... lines) throws IOException {
    return ClassificationData.heldOut(
        file("test.jsonl", lines), labels, ClassificationDataTest::letters, MAX_LENGTH);
  }

  private static String row(String label) {
    return "{\"text\": \"abc\", \"label\": " + label + "}";
  }

  /** The index of each row's label, or its numbers. */
  private static List<List<Number>> labels(ClassificationData data) {
    return data.rows().stream().map(row -> numbers(row.row().target())).toList();
  }

  private static List<Number> numbers(Target target) {
    return switch (target) {
      case Target.Label(int index) -> List.of(index);
      case Target.Values(float[] values) ->
          IntStream.range(0, values.length).<Number>mapToObj(i -> values[i]).toList();
      case Target.Unknown() -> List.of();
    };
  }

  private void refused(List<String> parts, String... lines) {
    refused(assertThrows(DatasetException.class, () -> training(lines)), parts);
  }

  private static void refused(DatasetException e, List<String> parts) {
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), () -> e.getMessage() + " lacks " + part);
    }
  }

  @Test
  void namesAreSorted() throws IOException {
    var data = training(row("\"joy\""), row("\"anger\""), row("\"\u00e9lan\""), row("\"joy\""));
    assertEquals(Problem.SINGLE_LABEL, data.labels().problem());
    assertEquals(List.of("anger", "joy", "\u00e9lan"), data.labels().names());
    assertEquals(3, data.labels().size());
    assertEquals(List.of(List.of(1), List.of(0), List.of(2), List.of(1)), labels(data));
    assertEquals(List.of(1, 2, 3, 4), data.rows().stream().map(LabelledRow::line).toList());
  }

  @Test
  void namesBeyondTheBasicPlaneStandLast() throws IOException {
    var data = training(row("\"\uD83D\uDE00\""), row("\"\uFF21\""));
    assertEquals(List.of("\uFF21", "\uD83D\uDE00"), data.labels().names());
  }

  @Test
  void integersAreLabelsInTheOrderOfTheirSize() throws IOException {
    var data = training(row("10"), row("9"), row("-1"), row("9"));
    assertEquals(List.of("-1", "9", "10"), data.labels().names());
    assertEquals(List.of(List.of(2), List.of(1), List.of(0), List.of(1)), labels(data));
  }

  @Test
  void listsAreLabelsThatApplyTogether() throws IOException {
    var data = training(row("[\"b\", \"a\"]"), row("[]"), row("[\"c\", \"c\"]"));
    assertEquals(Problem.MULTI_LABEL, data.labels().problem());
    assertEquals(List.of("a", "b", "c"), data.labels().names());
    assertEquals(
        List.of(List.of(1f, 1f, 0f), List.of(0f, 0f, 0f), List.of(0f, 0f, 1f)), labels(data));
    assertEquals(List.of("2", "11"), training(row("[11]"), row("[2]")).labels().names());
  }

  @Test
  void fractionsAreForRegression() throws IOException {
    var data = training(row("5"), row("3.5"), row("-1e-3"));
    assertEquals(Problem.REGRESSION, data.labels().problem());
    assertEquals(1, data.labels().size());
    assertEquals(List.of(List.of(5f), List.of(3.5f), List.of(-1e-3f)), labels(data));
    assertTrue(data.statistics().summary().contains("values from -0.001 to 5.0"));
  }

  @Test
  void textsAndPairsBecomeTokens() throws IOException {
    var single = training(row("1"), row("2")).rows().getFirst();
    assertArrayEquals(new int[] {1, 'a', 'b', 'c', 2}, single.ids());
    assertEquals(1, single.supervised());
    var pair =
        training(
                "{\"text1\": \"ab\", \"text2\": \"c\", \"label\": 0}",
                "{\"text1\": \"a\", \"text2\": \"d\", \"label\": 1}")
            .rows()
            .getFirst();
    assertArrayEquals(new int[] {1, 'a', 'b', 2, 'c', 2}, pair.ids());
    assertArrayEquals(new int[] {0, 0, 0, 0, 1, 1}, pair.row().typeIds());
    for (String keys : List.of("sentence", "sentence1", "text")) {
      String second = keys.endsWith("1") ? ", \"sentence2\": \"x\"" : "";
      String row = "{\"%s\": \"a\"%s, \"label\": %d}";
      assertEquals(
          2,
          training(row.formatted(keys, second, 1), row.formatted(keys, second, 2)).rows().size());
    }
  }

  @Test
  void longTextsAreCutAndCounted() throws IOException {
    var data =
        training(
            "{\"text\": \"abcdefghijk\", \"label\": \"x\"}",
            "{\"text\": \"abc\", \"label\": \"y\"}",
            "{\"text\": \"abcdef\", \"label\": \"y\"}");
    assertEquals(1, data.statistics().cut());
    assertEquals(MAX_LENGTH, data.rows().getFirst().tokens());
    assertTrue(
        data.statistics()
            .warnings()
            .getFirst()
            .contains("1 of the rows are longer than 8 tokens and were cut"));
    assertEquals(
        folder.resolve("train.jsonl") + ": 3 rows (2 labels: x 1, y 2), 21 tokens, longest row 8",
        data.statistics().summary());
    assertEquals(List.of(), training(row("1"), row("2")).statistics().warnings());
  }

  @Test
  void heldOutRowsHaveTheLabelsOfTheOthers() throws IOException {
    var labels = training(row("\"joy\""), row("\"anger\"")).labels();
    assertEquals(List.of(List.of(1)), labels(heldOut(labels, row("\"joy\""))));
    var e =
        assertThrows(
            DatasetException.class, () -> heldOut(labels, row("\"joy\""), row("\"fear\"")));
    assertEquals(
        folder.resolve("test.jsonl")
            + ", line 2: the label \"fear\" does not occur in the rows that were trained on"
            + " (anger, joy); remove the row, or train on rows with that label.",
        e.getMessage());
    var numbers = Labels.count(1);
    assertEquals(List.of(List.of(2f)), labels(heldOut(numbers, row("2"))));
    refused(
        assertThrows(DatasetException.class, () -> heldOut(numbers, row("\"joy\""))),
        List.of("line 1: the label is a string", "have a number each"));
    refused(
        assertThrows(DatasetException.class, () -> heldOut(labels, row("[\"joy\"]"))),
        List.of("line 1: the label is a list", "have one name or integer each"));
  }

  @Test
  void oneClassIsRefused() {
    refused(
        List.of("every row has the label \"a\"", "at least two labels"),
        row("\"a\""),
        row("\"a\""));
    refused(List.of("no row has a label", "nothing to learn"), row("[]"), row("[]"));
  }

  @Test
  void labelsOfSeveralKindsAreRefused() {
    refused(
        List.of("line 2: the label is a list, in the rows before it is a string"),
        row("\"a\""),
        row("[\"a\"]"));
    refused(
        List.of("line 3: the label is a string, in the rows before it is an integer"),
        row("1"),
        row("2"),
        row("\"a\""));
    refused(List.of("line 1: a label that is a list must hold the names"), row("[\"a\", 1]"));
    refused(List.of("line 1: a label that is a list must hold the names"), row("[0.0, 1.0]"));
    refused(List.of("line 1: the label is null"), row("null"));
    refused(List.of("line 1: the label is true or false; it must be a name"), row("true"));
    refused(List.of("line 1: the label is an empty string"), row("\" \""));
  }

  @Test
  void rowsThatAreNoneAreRefused() throws IOException {
    refused(
        List.of("line 1: text is empty", "nothing to classify", "remove the row"),
        "{\"text\": \" \", \"label\": 1}");
    refused(List.of("line 1: text2 is empty"), "{\"text1\": \"a\", \"text2\": \"\", \"label\": 1}");
    refused(List.of("line 1: the row has no label"), "{\"text\": \"a\"}");
    refused(
        List.of("line 1: the row has the keys premise, label", "text1 + text2", "sentence"),
        "{\"premise\": \"a\", \"label\": 1}");
    refused(
        List.of("line 2: the key \"text1\" is missing"),
        "{\"text1\": \"a\", \"text2\": \"b\", \"label\": 1}",
        "{\"text\": \"a\", \"label\": 2}");
    refused(
        List.of("line 1: text must be a string, it is a number"), "{\"text\": 3, \"label\": 1}");
    refused(List.of("train.jsonl holds no row", "{\"text\": \"...\", \"label\": \"...\"}"), " ");
    refused(List.of("line 1", "CSV and plain text must be converted"), "text,label", "a,b");
  }

  @Test
  void aTokenizerIsAnEncoder() throws IOException {
    Path texts = file("texts.jsonl", row("1"), "{\"text\": \"abc abc abc\", \"label\": 2}");
    Path pairs =
        file(
            "pairs.jsonl",
            "{\"text1\": \"abc\", \"text2\": \"abc\", \"label\": 1}",
            "{\"text1\": \"abc\", \"text2\": \"xyz\", \"label\": 2}");
    try (var tokenizer = Tokenizer.load(Golden.file("tokenizers/wordpiece_bert"))) {
      int length = tokenizer.encodeText("abc", Integer.MAX_VALUE).length();
      var encoder = TextEncoder.of(tokenizer);
      var data = ClassificationData.training(texts, Optional.empty(), encoder, length);
      assertArrayEquals(tokenizer.encodeText("abc", length).ids(), data.rows().getFirst().ids());
      assertEquals(length, data.rows().getLast().tokens());
      assertEquals(1, data.statistics().cut());
      var pair =
          ClassificationData.training(pairs, Optional.empty(), encoder, 99).rows().getFirst().row();
      var expected = tokenizer.encodePair("abc", "abc", 99);
      assertArrayEquals(expected.ids(), pair.ids());
      assertArrayEquals(expected.typeIds(), pair.typeIds());
    }
  }

  @Test
  void textsOfNoTokensAreRefused() throws IOException {
    Path file = file("train.jsonl", row("1"), row("2"));
    TextEncoder none = (_, _, _) -> new TextEncoder.Encoded(new int[0], new int[0], false);
    var e =
        assertThrows(
            DatasetException.class,
            () -> ClassificationData.training(file, Optional.empty(), none, MAX_LENGTH));
    refused(e, List.of("line 1: the tokenizer leaves nothing of the text"));
    refused(List.of("line 2: the label 1.0E39 is too large"), row("0.5"), row("1e39"));
  }
}
