package io.gatun.runtime.cli;

import static io.gatun.runtime.cli.Invocation.run;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Evaluation while training, as the command line has it. */
class TrainCommandTest {
  private static final String TWO = "{\"prompt\": \"one plus one is\", \"completion\": \" two\"}\n";
  private static final String TEN = "{\"prompt\": \"one plus one is\", \"completion\": \" ten\"}\n";

  @TempDir static Path temp;

  private static Path model;

  @TempDir Path folder;

  @BeforeAll
  static void writeModel() throws IOException {
    model = TinyModel.write(temp.resolve("model"));
  }

  private Path file(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  private Invocation train(Path data, Path out, Object... flags) {
    List<Object> words =
        new ArrayList<>(List.of("train", "--model", model, "--data", data, "-o", out));
    words.addAll(List.of("--learning-rate", "2e-2", "--batch-size", 4, "--dtype", "f32"));
    words.addAll(List.of(flags));
    return run(words.toArray());
  }

  private static List<JsonNode> metrics(Path out) throws IOException {
    var json = new ObjectMapper();
    return Files.readAllLines(out.resolve("metrics.jsonl")).stream()
        .map(line -> json.readTree(line))
        .toList();
  }

  private static String lastLine(Invocation result) {
    return result.out().lines().toList().getLast();
  }

  private static byte[] weights(Path out) throws IOException {
    return Files.readAllBytes(out.resolve("adapter_model.safetensors"));
  }

  @Test
  void aSplitCanBeRepeatedFromItsLines() throws IOException {
    List<String> rows = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      rows.add("{\"prompt\": \"%d plus %d is\", \"completion\": \" %d\"}\n".formatted(i, i, 2 * i));
    }
    Path all = file("all.jsonl", String.join("", rows));
    Path split = folder.resolve("split");
    var result = train(all, split, "--valid-split", 0.25, "--epochs", 2).succeeds();
    assertTrue(result.out().contains("9 are trained on and 3 held out"), result.out());

    var lines =
        metrics(split).getFirst().at("/held_out/lines").valueStream().map(JsonNode::asInt).toList();
    assertEquals(3, lines.size());
    var held = new StringBuilder();
    var kept = new StringBuilder();
    for (int i = 0; i < rows.size(); i++) {
      (lines.contains(i + 1) ? held : kept).append(rows.get(i));
    }
    Path data = Files.createDirectory(folder.resolve("data"));
    Files.writeString(data.resolve("train.jsonl"), kept);
    Files.writeString(data.resolve("valid.jsonl"), held);
    Path again = folder.resolve("again");
    train(data, again, "--epochs", 2).succeeds();
    assertArrayEquals(weights(split), weights(again));
    assertEquals(figures(split), figures(again));
  }

  private static List<JsonNode> figures(Path out) throws IOException {
    return metrics(out).stream()
        .filter(line -> line.has("eval"))
        .map(line -> line.get("eval"))
        .toList();
  }

  @Test
  void theLastLineSaysWhichStepItIsAndItsFigure() throws IOException {
    Path rows = file("rows.jsonl", TWO.repeat(4));
    Path other = file("other.jsonl", TEN);
    Path out = folder.resolve("out");
    var result =
        train(
                rows,
                out,
                "--valid",
                other,
                "--iters",
                60,
                "--eval-steps",
                1,
                "--early-stopping-patience",
                3,
                "--save-every",
                1,
                "--save-total-limit",
                2)
            .succeeds();
    var end = metrics(out).getLast();
    int best = end.get("kept").asInt();
    double loss = figures(out).get(best).get("loss").asDouble();
    assertEquals(best + 3, end.get("end").asInt());
    assertTrue(
        result.out().contains("Stopped early after step %d of 60: ".formatted(best + 3)),
        result.out());
    String expected =
        String.format(Locale.ROOT, "is in %s, that of step %d: loss %.4f", out, best, loss);
    assertTrue(lastLine(result).endsWith(expected), result.out());
    Path last = folder.resolve("last");
    var unstopped =
        train(rows, last, "--valid", other, "--iters", best + 1, "--keep", "last").succeeds();
    assertTrue(lastLine(unstopped).endsWith("is in " + last), unstopped.out());
  }

  @Test
  void onlyTheNewestCheckpointsStay() throws IOException {
    Path out = folder.resolve("out");
    train(file("rows.jsonl", TWO), out, "--iters", 11, "--save-every", 1, "--save-total-limit", 2)
        .succeeds();
    try (var files = Files.list(out)) {
      assertEquals(
          Set.of("checkpoint-10", "checkpoint-11"),
          files
              .map(file -> file.getFileName().toString())
              .filter(name -> name.startsWith("checkpoint"))
              .collect(Collectors.toSet()));
    }
  }

  @Test
  void exactMatchIsThatOfEval() throws IOException {
    Path rows = file("rows.jsonl", TWO.repeat(8));
    Path valid = file("valid-rows.jsonl", TWO + TEN + TWO + TWO);
    Path out = folder.resolve("out");
    var result =
        train(
                rows,
                out,
                "--valid",
                valid,
                "--iters",
                30,
                "--eval-every",
                15,
                "--metric",
                "exact-match")
            .succeeds();
    assertEquals(
        List.of(0.0, 0.75, 0.75),
        figures(out).stream().map(figures -> figures.get("exact_match").asDouble()).toList());
    assertTrue(lastLine(result).endsWith("that of step 15: exact match 75.0 %"), result.out());
    var eval = run("eval", "--model", model, "--adapter-path", out, "--data", valid, "--no-base");
    assertTrue(eval.succeeds().out().contains("with adapter 75.0 % (3)"), eval.out());
  }

  @Test
  void flagsAreKeysToo() throws IOException {
    Path rows = file("rows.jsonl", TWO.repeat(8));
    Path config =
        file(
            "config.yaml",
            "valid_split: 0.5\neval_steps: 2\nmetric_for_best_model: eval_perplexity\n"
                + "early_stopping_patience: 9\nload_best_model_at_end: false\niters: 3\n");
    Path out = folder.resolve("out");
    train(rows, out, "--config", config).succeeds();
    var evaluation = metrics(out).getFirst().get("evaluation");
    assertEquals("perplexity", evaluation.get("metric").asString());
    assertEquals(9, evaluation.get("patience").asInt());
    assertEquals("last", evaluation.get("keep").asString());
    assertEquals(
        List.of(0, 2, 3),
        metrics(out).stream()
            .filter(line -> line.has("eval"))
            .map(line -> line.get("step").asInt())
            .toList());
  }

  @Test
  void flagsThatWouldDoNothingAreRefused() throws IOException {
    Path rows = file("rows.jsonl", TWO.repeat(8));
    Path out = folder.resolve("out");
    for (String flag : List.of("--early-stopping-patience=2", "--eval-every=5", "--keep=best")) {
      train(rows, out, flag).fails(2, "needs held-out rows", "--valid-split 0.1");
    }
    train(rows, out, "--eval-exact-match").fails(2, "--eval-exact-match needs held-out rows");
    train(rows, out, "--valid-split", 1.5)
        .fails(2, "--valid-split is 1.5; it must be a share between 0 and 1");
    train(rows, out, "--valid-split", 0.5, "--valid", rows).fails(2, "both hold rows out");
    train(rows, out, "--valid", rows, "--keep", "first").fails(2, "must be best or last");
    train(rows, out, "--valid", rows, "--metric", "bleu").fails(2, "no metric \"bleu\"");
    train(rows, out, "--valid", rows, "--metric", "accuracy")
        .fails(1, "accuracy is not measured in this run");
    train(rows, out, "--valid", rows, "--eval-every", -1).fails(2, "not -1");
    Path text = file("text.jsonl", "{\"text\": \"one two\"}\n");
    train(rows, out, "--valid", text, "--eval-exact-match")
        .fails(1, text + ", line 1: the row has no expected answer");
    assertFalse(Files.exists(out));
  }

  @Test
  void aTakenFolderIsRefusedBeforeTheModelIsRead() throws IOException {
    Path rows = file("rows.jsonl", TWO);
    Path out = Files.createDirectories(folder.resolve("out/checkpoint-best-3")).getParent();
    run("train", "--model", folder.resolve("none"), "--data", rows, "-o", out)
        .fails(1, out + " already holds checkpoint-best-3 of an earlier run");
  }
}
