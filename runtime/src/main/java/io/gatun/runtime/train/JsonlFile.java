package io.gatun.runtime.train;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Reads a file of one JSON object a line, a line at a time; what is not that is refused by name.
 */
final class JsonlFile {
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private JsonlFile() {}

  /** A line of a file, for messages. */
  record Place(Path file, int line) {
    /** An error at this place. */
    DatasetException error(String sentence, Object... arguments) {
      return new DatasetException(
          "%s, line %d: %s".formatted(file, line, sentence.formatted(arguments)));
    }
  }

  /**
   * Gives every object of the file to a consumer; blank lines are passed over.
   *
   * @param file the file
   * @param example a row as it should be, for the message about a file without one
   * @param rows takes the place and the object of each line
   * @throws DatasetException where the file is not JSONL or holds no row
   */
  static void forEach(Path file, String example, BiConsumer<Place, ObjectNode> rows) {
    TextLines.read(file, in -> forEach(file, in, example, rows));
  }

  /**
   * As {@link #forEach(Path, String, BiConsumer)}, from a stream.
   *
   * @param name of the stream, for messages
   * @param in UTF-8
   * @param example as above
   * @param rows takes the place and the object of each line
   * @throws IOException where the stream cannot be read
   */
  static void forEach(Path name, InputStream in, String example, BiConsumer<Place, ObjectNode> rows)
      throws IOException {
    var count = new AtomicInteger();
    TextLines.forEach(
        name,
        in,
        (place, line) -> {
          if (!line.isBlank()) {
            rows.accept(place, parse(place, line.strip()));
            count.incrementAndGet();
          }
        });
    if (count.get() == 0) {
      throw new DatasetException(
          name + " holds no row; write one JSON object a line, for example " + example + ".");
    }
  }

  private static ObjectNode parse(Place place, String text) {
    if (text.startsWith("[")) {
      throw place.error(
          "a row starts with {, this line is a JSON array; write one object a line "
              + "(jq -c '.[]' FILE does it).");
    }
    if (!text.startsWith("{")) {
      throw place.error(
          "a row is a JSON object and starts with {, this line starts with \"%s\"; "
              + "CSV and plain text must be converted to one JSON object a line.",
          text.substring(0, text.offsetByCodePoints(0, 1)));
    }
    try {
      JsonNode node = JSON.readTree(text);
      return (ObjectNode) node;
    } catch (JacksonException e) {
      throw place.error(
          "not valid JSON at column %d (%s); each line must hold one whole JSON object.",
          e.getLocation().getColumnNr(), firstLine(e.getOriginalMessage()));
    }
  }

  private static String firstLine(String text) {
    return text.lines().findFirst().orElse("");
  }
}
