package io.gatun.bench.check;

import java.util.Locale;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * One line of the table.
 *
 * @param target number of the target, 0 for what has none
 * @param what was measured
 * @param measured with its unit; of what did not run, nothing
 * @param value what the bar is for: a ratio to a ceiling, or the measured number itself
 * @param bar what the value should reach
 * @param note against what the value is a ratio, or why there is none
 */
record Figure(
    int target,
    String what,
    String measured,
    Optional<Double> value,
    Optional<Bar> bar,
    String note) {

  /** A number that nothing is asked of. */
  static Figure plain(int target, String what, String measured, String note) {
    return new Figure(target, what, measured, Optional.empty(), Optional.empty(), note);
  }

  /** A number and what it should reach. */
  static Figure of(int target, String what, String measured, double value, Bar bar, String note) {
    return new Figure(target, what, measured, Optional.of(value), Optional.of(bar), note);
  }

  /** What did not run. */
  static Figure missing(int target, String what, String reason) {
    return new Figure(target, what, "", Optional.empty(), Optional.empty(), reason);
  }

  /** yes, no, or nothing where nothing is asked. */
  String verdict() {
    if (value.isEmpty() || bar.isEmpty()) {
      return measured.isEmpty() ? "not run" : "";
    }
    return bar.get().isMetBy(value.get()) ? "met" : "short";
  }

  /** The same figure with nothing asked of it. */
  Figure withoutBar() {
    return new Figure(target, what, measured, value, Optional.empty(), note);
  }

  void write(ObjectNode node) {
    node.put("target", target);
    node.put("what", what);
    node.put("measured", measured);
    value.ifPresent(v -> node.put("value", v));
    bar.ifPresent(b -> node.put("limit", b.limit()).put("least", b.least()));
    node.put("verdict", verdict());
    node.put("note", note);
  }

  static Figure read(JsonNode node) {
    var bar =
        node.has("limit")
            ? Optional.of(
                new Bar(node.get("limit").doubleValue(), node.get("least").booleanValue()))
            : Optional.<Bar>empty();
    var value =
        node.has("value") ? Optional.of(node.get("value").doubleValue()) : Optional.<Double>empty();
    return new Figure(
        node.get("target").intValue(),
        node.get("what").stringValue(),
        node.get("measured").stringValue(),
        value,
        bar,
        node.get("note").stringValue());
  }

  /** Three digits that matter. */
  static String number(double value) {
    double size = Math.abs(value);
    int digits = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }
}
