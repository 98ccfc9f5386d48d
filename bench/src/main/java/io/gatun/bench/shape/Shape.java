package io.gatun.bench.shape;

import io.gatun.runtime.model.DecoderConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The shape of a model whose weights are not needed.
 *
 * @param name of the model
 * @param config its shape
 */
public record Shape(String name, DecoderConfig config) {
  private static final JsonMapper JSON = new JsonMapper();

  /**
   * A shape by name, or of a config.json.
   *
   * @param text a name that {@link #names} lists, or the path of a Hugging Face config.json
   * @return the shape
   * @throws IllegalArgumentException if it is neither, with the names there are
   */
  public static Shape of(String text) {
    var known = known();
    if (known.has(text)) {
      return new Shape(text, DecoderConfig.read(known.get(text)));
    }
    var file = Path.of(text);
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(
          "there is no shape '%s': it must be one of %s, or the path of a config.json"
              .formatted(text, names()));
    }
    try {
      var folder = file.toAbsolutePath().normalize().getParent();
      var name = folder.getFileName() == null ? text : folder.getFileName().toString();
      return new Shape(name, DecoderConfig.read(JSON.readTree(Files.readString(file))));
    } catch (JacksonException e) {
      throw new IllegalArgumentException(file + " is not JSON: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be read", e);
    }
  }

  /**
   * The names of the shapes that are known.
   *
   * @return separated by commas
   */
  public static String names() {
    return String.join(", ", known().propertyNames());
  }

  private static JsonNode known() {
    try (var in = Shape.class.getResourceAsStream("shapes.json")) {
      return JSON.readTree(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
