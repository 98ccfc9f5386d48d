package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
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
        file("train.jsonl", lines), ClassificationDataTest::letters, MAX_LENGTH);
  }

  private ClassificationData heldOut(Labels labels, String... lines) throws IOException {
    return ClassificationData.heldOut(
        file("test.jsonl", lines), labels, ClassificationDataTest::letters, MAX_LENGTH);
  }

  private static String row(String label) {
    return "{\"text\": \"abc\", \"label\": " + label + "}";
  }

  private static List<Label> labels(ClassificationData data) {
    return data.rows().stream().map(LabelledExample::label).toList();
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
    assertEquals(Labels.Kind.SINGLE_LABEL_CLASSIFICATION, data.labels().kind());
    assertEquals(List.of("anger", "joy", "\u00e9lan"), data.labels().names());
    assertEquals(3, data.labels().outputs());
    assertEquals(
        List.of(new Label.One(1), new Label.One(0), new Label.One(2), new Label.One(1)),
        labels(data));
    assertEquals(List.of(1, 2, 3, 4), data.rows().stream().map(LabelledExample::line).toList());
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
    assertEquals(
        List.of(new Label.One(2), new Label.One(1), new Label.One(0), new Label.One(1)),
        labels(data));
  }

  @Test
  void listsAreLabelsThatApplyTogether() throws IOException {
    var data = training(row("[\"b\", \"a\"]"), row("[]"), row("[\"c\", \"c\"]"));
    assertEquals(Labels.Kind.MULTI_LABEL_CLASSIFICATION, data.labels().kind());
    assertEquals(List.of("a", "b", "c"), data.labels().names());
    assertEquals(
        List.of(
            new Label.Several(List.of(0, 1)),
            new Label.Several(List.of()),
            new Label.Several(List.of(2))),
        labels(data));
    assertEquals(List.of("2", "11"), training(row("[11]"), row("[2]")).labels().names());
  }

  @Test
  void fractionsAreForRegression() throws IOException {
    var data = training(row("5"), row("3.5"), row("-1e-3"));
    assertEquals(Labels.Kind.REGRESSION, data.labels().kind());
    assertEquals(1, data.labels().outputs());
    assertEquals(
        List.of(new Label.Value(5), new Label.Value(3.5), new Label.Value(-1e-3)), labels(data));
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
    assertArrayEquals(new int[] {0, 0, 0, 0, 1, 1}, pair.types());
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
    assertEquals(List.of(new Label.One(1)), labels(heldOut(labels, row("\"joy\""))));
    var e =
        assertThrows(
            DatasetException.class, () -> heldOut(labels, row("\"joy\""), row("\"fear\"")));
    assertEquals(
        folder.resolve("test.jsonl")
            + ", line 2: the label \"fear\" does not occur in the rows that were trained on"
            + " (anger, joy); remove the row, or train on rows with that label.",
        e.getMessage());
    var numbers = new Labels(Labels.Kind.REGRESSION, List.of());
    assertEquals(List.of(new Label.Value(2)), labels(heldOut(numbers, row("2"))));
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
}
