package io.gatun.runtime.train;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A row with a text, or a pair of texts, to classify.
 *
 * @param line line of its file, from 1
 * @param texts one or two, none of them blank, by the key they stand under
 * @param id value of its key {@code id}, if it has one
 * @param label value of its key {@code label}, whatever that is
 */
public record TextRow(
    int line, Map<String, String> texts, Optional<JsonNode> id, Optional<JsonNode> label) {
  private static final String ONLY_KEY = "text"; // of lines that are a text

  /** Copies the texts, in their order. */
  public TextRow {
    texts = Collections.unmodifiableMap(new LinkedHashMap<>(texts));
  }

  /** The keys that the texts of a row stand under. */
  private enum Shape {
    PAIR("text1", "text2"),
    SENTENCES("sentence1", "sentence2"),
    TEXT(ONLY_KEY),
    SENTENCE("sentence");

    final List<String> keys;

    Shape(String... keys) {
      this.keys = List.of(keys);
    }
  }

  /**
   * Reads a JSONL file. All rows have the shape of the first: {@code text} or {@code sentence}, or
   * {@code text1} and {@code text2}, or {@code sentence1} and {@code sentence2}.
   *
   * @param file UTF-8, one JSON object a line
   * @param rows takes each row
   * @throws DatasetException naming file, line and key of what is wrong
   */
  public static void jsonl(Path file, Consumer<TextRow> rows) {
    jsonl(file, "{\"text\": \"...\"}", rows);
  }

  /** As {@link #jsonl(Path, Consumer)}, with a row as it should be for messages. */
  static void jsonl(Path file, String example, Consumer<TextRow> rows) {
    JsonlFile.forEach(file, example, objects(rows));
  }

  /**
   * Reads JSONL from a stream, each row as soon as it is there.
   *
   * @param name of the stream, for messages
   * @param in buffered
   * @param rows takes each row
   * @throws DatasetException as for a file
   * @throws IOException if the stream cannot be read
   */
  public static void jsonl(String name, InputStream in, Consumer<TextRow> rows) throws IOException {
    JsonlFile.forEach(Path.of(name), in, "{\"text\": \"...\"}", objects(rows));
  }

  /**
   * Reads a file of which each line is a text.
   *
   * @param file UTF-8
   * @param rows takes each row
   * @throws DatasetException naming file and line of what is wrong, such as an empty line
   */
  public static void lines(Path file, Consumer<TextRow> rows) {
    var count = new AtomicInteger();
    TextLines.read(
        file, in -> TextLines.forEach(file, in, texts(rows.andThen(_ -> count.incrementAndGet()))));
    if (count.get() == 0) {
      throw new DatasetException(file + " holds no row; write one text a line.");
    }
  }

  /**
   * Reads texts from a stream, each line as soon as it is there.
   *
   * @param name of the stream, for messages
   * @param in buffered
   * @param rows takes each row
   * @throws DatasetException as for a file
   * @throws IOException if the stream cannot be read
   */
  public static void lines(String name, InputStream in, Consumer<TextRow> rows) throws IOException {
    TextLines.forEach(Path.of(name), in, texts(rows));
  }

  private static BiConsumer<JsonlFile.Place, ObjectNode> objects(Consumer<TextRow> rows) {
    AtomicReference<Optional<Shape>> first = new AtomicReference<>(Optional.empty());
    return (place, object) -> {
      Shape shape = Objects.requireNonNull(first.get()).orElseGet(() -> detect(place, object));
      first.set(Optional.of(shape));
      var texts = new LinkedHashMap<String, String>();
      shape.keys.forEach(key -> texts.put(key, text(place, object, key)));
      rows.accept(
          new TextRow(place.line(), texts, object.optional("id"), object.optional("label")));
    };
  }

  private static BiConsumer<JsonlFile.Place, String> texts(Consumer<TextRow> rows) {
    return (place, line) -> {
      if (line.isBlank()) {
        throw place.error("the line is empty, so there is nothing to classify; remove it.");
      }
      rows.accept(
          new TextRow(place.line(), Map.of(ONLY_KEY, line), Optional.empty(), Optional.empty()));
    };
  }

  private static Shape detect(JsonlFile.Place place, ObjectNode object) {
    return Arrays.stream(Shape.values())
        .filter(shape -> shape.keys.stream().allMatch(object::has))
        .findFirst()
        .orElseThrow(() ->
            place.error(
                "the row has %s, but no text to classify; rows need one of: %s.",
                object.isEmpty()
                    ? "no keys"
                    : "the keys " + String.join(", ", object.propertyNames()),
                Arrays.stream(Shape.values())
                    .map(shape -> String.join(" + ", shape.keys))
                    .collect(Collectors.joining("; "))));
  }

  private static String text(JsonlFile.Place place, ObjectNode object, String key) {
    JsonNode text = object.path(key);
    if (text.isMissingNode()) {
      throw place.error(
          "the key \"%s\" is missing; the first row of the file has it, and all rows of a file have"
              + " one shape.",
          key);
    }
    if (!text.isString()) {
      throw place.error("%s must be a string, it is %s.", key, RowReader.kind(text));
    }
    if (text.asString().isBlank()) {
      throw place.error("%s is empty, so there is nothing to classify; remove the row.", key);
    }
    return text.asString();
  }

  /**
   * The text, or the first of a pair.
   *
   * @return not blank
   */
  public String first() {
    return texts.values().iterator().next();
  }

  /**
   * The other text of a pair.
   *
   * @return not blank; empty where there is one text only
   */
  public Optional<String> second() {
    return texts.values().stream().skip(1).findFirst();
  }
}
