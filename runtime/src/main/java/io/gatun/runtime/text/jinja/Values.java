package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Dict;
import io.gatun.runtime.text.jinja.Value.Int;
import io.gatun.runtime.text.jinja.Value.ListValue;
import io.gatun.runtime.text.jinja.Value.Real;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/** Java values and JSON as template values. */
public final class Values {
  private Values() {}

  /**
   * The template value of a Java one.
   *
   * @param value a JSON node, string, boolean, number, list, or map with string keys; an empty
   *     {@link Optional} is None, and so is a null inside a list or map
   * @throws IllegalArgumentException for anything else
   */
  public static Value of(Object value) {
    return switch (value) {
      case null -> Value.NONE;
      case Value v -> v;
      case JsonNode json -> of(json);
      case CharSequence s -> Value.of(s.toString());
      case Boolean b -> Value.of(b.booleanValue());
      case Number n -> number(n);
      case Optional<?> o -> o.map(Values::of).orElse(Value.NONE);
      case Iterable<?> items -> {
        var list = new ArrayList<Value>();
        items.forEach(item -> list.add(of(item)));
        yield new ListValue(list);
      }
      case Map<?, ?> map -> {
        var entries = new LinkedHashMap<Value, Value>();
        map.forEach((key, v) -> entries.put(Value.of(key.toString()), of(v)));
        yield new Dict(entries);
      }
      default ->
          throw new IllegalArgumentException(
              "a template cannot be given a "
                  + value.getClass().getName()
                  + "; give strings, numbers, booleans, lists and maps");
    };
  }

  private static Value number(Number n) {
    return switch (n) {
      case BigInteger i -> new Int(i);
      case Double d -> new Real(d);
      case Float f -> new Real(Double.parseDouble(f.toString()));
      case BigDecimal d -> new Real(d.doubleValue());
      default -> Value.of(n.longValue());
    };
  }

  private static Value of(JsonNode json) {
    return switch (json.getNodeType()) {
      case STRING -> Value.of(json.stringValue());
      case BOOLEAN -> Value.of(json.booleanValue());
      case NUMBER ->
          json.isIntegralNumber() ? new Int(json.bigIntegerValue()) : new Real(json.doubleValue());
      case ARRAY -> {
        var items = new ArrayList<Value>(json.size());
        json.forEach(item -> items.add(of(item)));
        yield new ListValue(items);
      }
      case OBJECT -> {
        var entries = new LinkedHashMap<Value, Value>();
        json.properties().forEach(e -> entries.put(Value.of(e.getKey()), of(e.getValue())));
        yield new Dict(entries);
      }
      default -> Value.NONE;
    };
  }

  /** A dict of named values, in order. */
  static Dict dict(Map<String, Value> named) {
    var entries = new LinkedHashMap<Value, Value>();
    named.forEach((name, value) -> entries.put(Value.of(name), value));
    return new Dict(entries);
  }

  /** A list of values. */
  static Value list(List<Value> items) {
    return new ListValue(items);
  }
}
