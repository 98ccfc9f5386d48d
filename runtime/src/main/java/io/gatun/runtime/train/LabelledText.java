package io.gatun.runtime.train;

import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * One row of a classification file, before the tokenizer.
 *
 * @param place file and line
 * @param first the text
 * @param second the other text of a pair
 * @param kind what its label is written as
 * @param label a string, an integer, a number with a fraction, or a list of the first two
 */
record LabelledText(
    JsonlFile.Place place, String first, Optional<String> second, Kind kind, JsonNode label) {

  /** What a label is written as. */
  enum Kind {
    NAME("a string"),
    INTEGER("an integer"),
    NUMBER("a number with a fraction"),
    LIST("a list");

    final String title;

    Kind(String title) {
      this.title = title;
    }
  }

  /** The keys that the texts of a row stand under. */
  private enum Shape {
    PAIR("text1", "text2"),
    SENTENCES("sentence1", "sentence2"),
    TEXT("text"),
    SENTENCE("sentence");

    final List<String> keys;

    Shape(String... keys) {
      this.keys = List.of(keys);
    }
  }

  /**
   * Reads a JSONL file.
   *
   * @param file the file
   * @return its rows, at least one
   * @throws DatasetException naming file, line and key of what is wrong
   */
  static List<LabelledText> read(Path file) {
    List<LabelledText> rows = new ArrayList<>();
    AtomicReference<Optional<Shape>> first = new AtomicReference<>(Optional.empty());
    JsonlFile.forEach(
        file,
        "{\"text\": \"...\", \"label\": \"...\"}",
        (place, object) -> {
          Shape shape = Objects.requireNonNull(first.get()).orElseGet(() -> detect(place, object));
          first.set(Optional.of(shape));
          rows.add(row(place, object, shape));
        });
    return rows;
  }

  private static Shape detect(JsonlFile.Place place, ObjectNode object) {
    return Arrays.stream(Shape.values())
        .filter(shape -> shape.keys.stream().allMatch(object::has))
        .findFirst()
        .orElseThrow(() ->
            place.error(
                "the row has %s, but no text to classify; rows need label and one of: %s.",
                object.isEmpty()
                    ? "no keys"
                    : "the keys " + String.join(", ", object.propertyNames()),
                Arrays.stream(Shape.values())
                    .map(shape -> String.join(" + ", shape.keys))
                    .collect(Collectors.joining("; "))));
  }

  private static LabelledText row(JsonlFile.Place place, ObjectNode object, Shape shape) {
    List<String> texts = shape.keys.stream().map(key -> text(place, object, key)).toList();
    JsonNode label = object.path("label");
    if (label.isMissingNode()) {
      throw place.error("the row has no label; every row needs one.");
    }
    Optional<String> second = texts.size() > 1 ? Optional.of(texts.get(1)) : Optional.empty();
    return new LabelledText(place, texts.getFirst(), second, kind(place, label), label);
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

  private static Kind kind(JsonlFile.Place place, JsonNode label) {
    if (label.isArray()) {
      for (JsonNode item : label) {
        Kind kind = kind(place, item);
        if (kind == Kind.NUMBER || kind == Kind.LIST || kind != kind(place, label.get(0))) {
          throw place.error(
              "a label that is a list must hold the names of the labels that apply, all strings or"
                  + " all integers.");
        }
      }
      return Kind.LIST;
    }
    if (label.isString() && !label.asString().isBlank()) {
      return Kind.NAME;
    }
    if (label.isNumber() && Double.isFinite(label.asDouble())) {
      return label.isIntegralNumber() ? Kind.INTEGER : Kind.NUMBER;
    }
    throw place.error(
        "the label is %s; it must be a name, an integer, a number, or a list of names or integers.",
        label.isString() ? "an empty string" : RowReader.kind(label));
  }

  /** The names that the label is made of; those of integers are their digits. */
  List<String> names() {
    List<String> names = new ArrayList<>();
    if (label.isArray()) {
      label.forEach(item -> names.add(name(item)));
    } else {
      names.add(name(label));
    }
    return names;
  }

  private static String name(JsonNode label) {
    return label.isIntegralNumber()
        ? new BigInteger(label.asString()).toString()
        : label.asString();
  }

  /** Whether all names of the label are those of integers. */
  boolean hasIntegers() {
    return label.isArray()
        ? label.valueStream().allMatch(JsonNode::isIntegralNumber)
        : label.isIntegralNumber();
  }

  /** The label of a row for regression. */
  double number() {
    return label.asDouble();
  }
}
