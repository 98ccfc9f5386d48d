package io.gatun.runtime.adapter;

import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.quant.checkpoint.WholeFile;
import io.gatun.runtime.model.ClassifierConfig;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.UnsupportedException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.ObjectMapper;

/**
 * labels.json: what the logits of a classifier's adapter mean, under the keys of config.json. PEFT
 * keeps no names of labels, and would read a config.json in the folder as a base model's; so a
 * folder from PEFT has no such file, and PEFT leaves ours alone.
 */
public final class LabelsFile {
  static final String NAME = "labels.json";

  private static final ObjectMapper JSON = new ObjectMapper();

  private LabelsFile() {}

  static void write(Path folder, Labels labels) {
    var json = JSON.createObjectNode();
    labels.write(json);
    String text = JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n";
    WholeFile.write(folder.resolve(NAME), text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * The labels that an adapter was trained for.
   *
   * @param folder of the adapter
   * @return what its labels.json says; empty where there is none
   * @throws CheckpointException if the file cannot be read
   */
  public static Optional<Labels> read(Path folder) {
    Path file = folder.resolve(NAME);
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(Labels.read(JSON.readTree(Files.readString(file))));
    } catch (IOException e) {
      throw new CheckpointException(file, "cannot be read: " + e.getMessage());
    } catch (JacksonException e) {
      throw new CheckpointException(file, "not JSON: " + e.getOriginalMessage());
    } catch (UnsupportedException e) {
      throw new CheckpointException(file, String.valueOf(e.getMessage()));
    }
  }

  /**
   * The labels to load the base of an adapter with: those that the adapter names; else those of the
   * base, or as many without names as the head of the adapter has rows.
   *
   * @param folder of the adapter
   * @param base files of its base
   * @return the labels
   */
  public static Labels of(Path folder, Checkpoint base) {
    return read(folder)
        .orElseGet(() -> {
          var own = Labels.of(base);
          var last = ClassifierConfig.of(base, own).head().getLast();
          int rows = AdapterFile.rows(folder, last).orElse(own.size());
          return rows == own.size() ? own : Labels.count(rows);
        });
  }

  /** Refuses labels that are not those of the classifier: their order is that of the logits. */
  static void requireSame(Path folder, Labels labels) {
    read(folder)
        .filter(own -> !own.equals(labels))
        .ifPresent(own -> {
          throw new CheckpointException(
              folder.resolve(NAME),
              "the adapter tells %s apart (%s), the classifier was loaded for %s (%s); load it with the labels of the adapter"
                  .formatted(
                      own.names(),
                      own.problem().configName(),
                      labels.names(),
                      labels.problem().configName()));
        });
  }
}
