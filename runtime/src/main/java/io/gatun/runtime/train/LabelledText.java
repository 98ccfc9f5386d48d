package io.gatun.runtime.train;

import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

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

  /**
   * Reads a JSONL file.
   *
   * @param file the file
   * @return its rows, at least one
   * @throws DatasetException naming file, line and key of what is wrong
   */
  static List<LabelledText> read(Path file) {
    List<LabelledText> rows = new ArrayList<>();
    TextRow.jsonl(
        file,
        "{\"text\": \"...\", \"label\": \"...\"}",
        row -> rows.add(labelled(new JsonlFile.Place(file, row.line()), row)));
    return rows;
  }

  private static LabelledText labelled(JsonlFile.Place place, TextRow row) {
    JsonNode label =
        row.label().orElseThrow(() -> place.error("the row has no label; every row needs one."));
    return new LabelledText(place, row.first(), row.second(), kind(place, label), label);
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
