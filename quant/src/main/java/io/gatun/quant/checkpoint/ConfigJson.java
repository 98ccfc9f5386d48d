package io.gatun.quant.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Reads the JSON objects that lie beside a model's tensors. */
final class ConfigJson {
  private static final JsonMapper JSON = new JsonMapper();

  private ConfigJson() {}

  /** A file's object; empty if it is absent, or with a problem if it holds something else. */
  static Optional<JsonNode> read(Path file, List<String> problems) {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      return parse(String.valueOf(file.getFileName()), Files.readAllBytes(file), problems);
    } catch (IOException e) {
      problems.add(file.getFileName() + " cannot be read: " + Sentences.of(e));
      return Optional.empty();
    }
  }

  /** The object that is the contents of a file; empty, with a problem, if they are not one. */
  static Optional<JsonNode> parse(String name, byte[] contents, List<String> problems) {
    try {
      var node = JSON.readTree(contents);
      if (node.isObject()) {
        return Optional.of(node);
      }
      problems.add(name + " is not a JSON object");
    } catch (JacksonException e) {
      problems.add(name + " is not valid JSON: " + Sentences.of(e));
    }
    return Optional.empty();
  }
}
