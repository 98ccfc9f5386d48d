package io.gatun.runtime.cli;

import static io.gatun.runtime.cli.Invocation.run;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The steps of {@code gatun quickstart}, on a tiny encoder and texts of letters. */
class QuickstartTest {
  @TempDir Path folder;
  private Path output;

  @BeforeEach
  void writeModelAndData() throws IOException {
    Path model = TinyModel.writeClassifier("tiny_bert_cls", folder.resolve("model"));
    TinyModel.removeHead(model);
    Files.write(folder.resolve("debian-sections-train.jsonl"), rows(120));
    Files.write(folder.resolve("debian-sections-test.jsonl"), rows(30));
    output = folder.resolve("out");
  }

  private static List<String> rows(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> {
          String letter = "xyz".substring(i % 3, i % 3 + 1);
          return "{\"text\": \"%s\", \"label\": \"%s\"}"
              .formatted(letter.repeat(2 + i % 7), letter);
        })
        .toList();
  }

  private String quickstart(Object... more) {
    var words = new ArrayList<Object>(List.of("quickstart", "-m", folder.resolve("model")));
    words.addAll(List.of("--data", folder, "--output", output));
    words.addAll(List.of(more));
    return run(words.toArray()).succeeds().out();
  }

  @Test
  void stepsAreCommandsThatCanBeTyped() {
    String out = quickstart();
    for (String command : List.of("train", "eval", "merge", "verify", "predict")) {
      assertTrue(out.contains("$ ./gatun " + command + " "), out);
    }
    assertTrue(out.contains("held-out rows, before -> after: "), out);
    assertEquals(3, out.lines().filter(line -> line.startsWith("{\"text\"")).count(), out);
    assertTrue(Files.exists(output.resolve("adapter/adapter_model.safetensors")));
    assertTrue(Files.exists(output.resolve("merged/model.safetensors")));
  }

  @Test
  void runAgainItTrainsOnlyIfAsked() throws IOException {
    quickstart();
    Path weights = output.resolve("adapter/adapter_model.safetensors");
    Path merged = output.resolve("merged/model.safetensors");
    var before = Files.getLastModifiedTime(weights);
    byte[] bytes = Files.readAllBytes(weights);

    String second = quickstart();
    assertTrue(second.contains("done by an earlier run; --again starts over"), second);
    assertEquals(before, Files.getLastModifiedTime(weights));

    Files.delete(merged.resolveSibling("config.json")); // a merge that was interrupted
    quickstart();
    assertTrue(Files.exists(merged.resolveSibling("config.json")));

    Files.write(weights, new byte[8]);
    quickstart("--again");
    assertArrayEquals(bytes, Files.readAllBytes(weights)); // the same seed, the same bytes
  }

  @Test
  void withoutModelOrDataItSaysWhatToGive() {
    run("quickstart", "--data", folder).fails(2, "--model");
    run("quickstart", "--model", folder.resolve("none"), "--data", folder, "-o", output)
        .fails(1, folder.resolve("none").toString());
    run("quickstart", "--model", folder.resolve("model"), "--data", output, "-o", output)
        .fails(1, "debian-sections-train.jsonl");
  }
}
