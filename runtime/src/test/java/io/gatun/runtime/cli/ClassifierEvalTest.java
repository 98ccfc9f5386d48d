package io.gatun.runtime.cli;

import static io.gatun.runtime.cli.Invocation.run;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.quant.Golden;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.TinyClassifier;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.ObjectMapper;

/** What eval says of classifiers: figures, tables of labels, and what they are compared with. */
class ClassifierEvalTest {
  private static final Path ADAPTER = Golden.file("peft/qwen2_cls_lora");

  private static final int ROWS = 40;

  @TempDir static Path temp;

  private static Path model;

  @TempDir Path folder;

  @BeforeAll
  static void writeModel() throws IOException {
    model = TinyModel.writeClassifier("tiny_qwen2_cls", temp.resolve("model"));
  }

  private Path file(String name, List<String> lines) throws IOException {
    return Files.write(folder.resolve(name), lines);
  }

  private static String row(String text, String label) {
    return "{\"text\": \"%s\", \"label\": %s}".formatted(text, label);
  }

  /** Texts, and the label that a model gives each. */
  private List<String[]> labelled(Path model, Path... adapter) throws IOException {
    var random = new Random(1);
    var texts =
        IntStream.range(0, ROWS)
            .mapToObj(i ->
                random
                    .ints(1 + i, 'a', 'z')
                    .mapToObj(Character::toString)
                    .collect(Collectors.joining()))
            .toList();
    var args = new ArrayList<Object>(List.of("predict", "-m", model, "--quantization", "f32"));
    args.addAll(List.of("--file", file("texts.txt", texts)));
    for (var path : adapter) {
      args.addAll(List.of("--adapter-path", path));
    }
    return run(args.toArray())
        .succeeds()
        .out()
        .lines()
        .map(line -> new ObjectMapper().readTree(line))
        .map(line ->
            new String[] {line.path("text").stringValue(), line.path("label").stringValue()})
        .toList();
  }

  private static Invocation evaluate(Object... flags) {
    var args = new ArrayList<Object>(List.of("eval", "-m", model, "--quantization", "f32"));
    args.addAll(List.of(flags));
    return run(args.toArray());
  }

  private static String percent(long part, int whole) {
    return String.format(Locale.ROOT, "%.1f %%", 100.0 * part / whole);
  }

  @Test
  void theAdapterAfterTheBase() throws IOException {
    var base = labelled(model);
    var tuned = labelled(model, ADAPTER);
    var rows = tuned.stream().map(row -> row(row[0], "\"" + row[1] + "\"")).toList();
    long same =
        IntStream.range(0, ROWS).filter(i -> base.get(i)[1].equals(tuned.get(i)[1])).count();
    Path data = file("rows.jsonl", rows);
    var result = evaluate("--adapter-path", ADAPTER, "--data", data).succeeds();
    String accuracy =
        "rows.jsonl: 40 rows: accuracy base %s -> with adapter 100.0 %%"
            .formatted(percent(same, ROWS));
    assertTrue(same < ROWS, "the adapter changes no label");
    assertTrue(result.out().contains(accuracy), result.out());
    assertTrue(result.out().contains("rows: macro F1 base 0."), result.out());
    assertTrue(result.out().contains("rows: loss base "), result.out());
    assertTrue(result.out().contains("label    precision  recall"), result.out());
    assertTrue(result.out().contains("actual \\ predicted  LABEL_0  LABEL_1"), result.out());
    var only = evaluate("--adapter-path", ADAPTER, "--data", data, "--no-base");
    assertTrue(only.out().contains("accuracy with adapter 100.0 %"), only.out());
  }

  @Test
  void wrongRowsAndNumbersOfLabels() throws IOException {
    var base = labelled(model);
    var rows = new ArrayList<String>();
    for (var row : base) {
      rows.add(row(row[0], row[1].substring("LABEL_".length())));
    }
    rows.set(6, row(base.get(6)[0], base.get(6)[1].equals("LABEL_1") ? "2" : "1"));
    var result = evaluate("--data", file("rows.jsonl", rows), "--show", 5);
    result.succeeds();
    assertTrue(result.out().contains("rows.jsonl: 40 rows: accuracy 97.5 %"), result.out());
    String got = "got '" + base.get(6)[1] + "'";
    assertTrue(result.out().contains("  line 7: expected 'LABEL_"), result.out());
    assertTrue(result.out().contains(got), result.out());
    assertEquals(1, result.out().lines().filter(line -> line.startsWith("  line ")).count());
  }

  /** Many labels, on a base without a head: the most frequent label, and no matrix. */
  @Test
  void manyLabelsOfANewHead() throws IOException {
    Path llama = TinyModel.writeClassifier("tiny_llama", folder.resolve("llama"));
    var names = IntStream.range(0, 30).mapToObj(i -> "class " + i).toArray(String[]::new);
    Path adapter = folder.resolve("adapter");
    try (Device device = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      var classifier =
          TinyClassifier.load("models/tiny_llama", Labels.of(names), DType.F32, device, arena);
      TinyClassifier.adapter(classifier, 0, arena).save(adapter);
    }
    var rows =
        IntStream.range(0, 40)
            .mapToObj(i -> row("text " + i, "\"class " + (i < 13 ? 4 : i % 20) + "\""))
            .toList();
    Path data = file("rows.jsonl", rows);
    var result = run("eval", "-m", llama, "--adapter-path", adapter, "--data", data).succeeds();
    assertTrue(
        result
            .out()
            .contains("rows.jsonl: 40 rows: accuracy most frequent label (class 4) 35.0 % -> with"),
        result.out());
    assertTrue(
        result.out().contains("30 labels are too many for a matrix; the 15 pairs confused most"),
        result.out());
    assertTrue(result.out().contains(" labels that no row has or was given"), result.out());
  }

  @Test
  void labelsThatApplyTogetherAndNumbers() throws IOException {
    Path several = TinyModel.writeClassifier("tiny_bert_multilabel", folder.resolve("several"));
    var lists =
        List.of(row("one", "[\"joy\", \"anger\"]"), row("two", "[\"fear\"]"), row("three", "[]"));
    var result = run("eval", "-m", several, "--data", file("lists.jsonl", lists)).succeeds();
    for (var part : List.of("lists.jsonl: 3 rows: macro F1 ", "micro F1 ", "anger", "loss ")) {
      assertTrue(result.out().contains(part), result.out());
    }
    Path regression =
        TinyModel.writeClassifier("tiny_distilbert_regression", folder.resolve("regression"));
    Path numbers = file("numbers.jsonl", List.of(row("one", "0.5"), row("two", "2")));
    var adapter = Golden.file("peft/distilbert_regression_lora");
    var values = run("eval", "-m", regression, "--adapter-path", adapter, "--data", numbers);
    values.succeeds();
    assertTrue(values.out().contains("Pearson correlation base "), values.out());
    assertTrue(values.out().contains("2 rows: loss base "), values.out());
    run("eval", "-m", regression, "--data", numbers, "--show", 1).fails(2, "--show is for labels");
  }

  @Test
  void aSentenceForWhatIsWrong() throws IOException {
    Path unknown = file("rows.jsonl", List.of(row("a", "\"LABEL_1\""), row("b", "\"other\"")));
    run("eval", "-m", model, "--data", unknown)
        .fails(1, unknown + ", line 2: the label \"other\" does not occur", "LABEL_0, LABEL_1");
    run("eval", "-m", model, "--data", file("rows.csv", List.of("text,label")))
        .fails(1, "CSV and plain text must be converted to one JSON object a line");
    run("eval", "-m", model, "--data", file("a.jsonl", List.of(row("a", "0.5"))))
        .fails(1, "line 1: the label is a number with a fraction, but the rows");
    run("eval", "-m", model, "--data", file("b.jsonl", List.of("{\"text\": \"a\"}")))
        .fails(1, "line 1: the row has no label");
    run("eval", "-m", model, "--data", unknown, "--max-tokens", 3).fails(2, "--max-tokens is for");
    Path llama = TinyModel.writeClassifier("tiny_llama", folder.resolve("llama"));
    run("eval", "-m", llama, "--task", "classification", "--data", unknown)
        .fails(2, "classifies nothing yet");
    run("eval", "-m", model, "--task", "language", "--data", unknown)
        .fails(2, model + " is for classifying, not for generating text");
  }
}
