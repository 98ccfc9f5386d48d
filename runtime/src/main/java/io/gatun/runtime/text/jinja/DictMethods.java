package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Dict;
import io.gatun.runtime.text.jinja.Value.Function;
import io.gatun.runtime.text.jinja.Value.View;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The methods of Python's {@code dict}, {@code list} and {@code tuple} that change nothing. */
final class DictMethods {
  private DictMethods() {}

  /** The method of a dict of that name. */
  static Optional<Value> find(Dict dict, String name) {
    return switch (name) {
      case "get" ->
          bound(
              name,
              call -> {
                Value key = call.argument(0, "key");
                Value otherwise = call.argument(1, "default", Value.NONE);
                return dict.entries().getOrDefault(key, otherwise);
              });
      case "items" -> bound(name, call -> new View("dict_items", Sequences.pairs(dict)));
      case "keys" ->
          bound(name, call -> new View("dict_keys", List.copyOf(dict.entries().keySet())));
      case "values" ->
          bound(name, call -> new View("dict_values", new ArrayList<>(dict.entries().values())));
      case "copy" -> bound(name, call -> dict);
      default -> Optional.empty();
    };
  }

  /** The method of a list or tuple of that name. */
  static Optional<Value> find(List<Value> items, String name) {
    return switch (name) {
      case "index" ->
          bound(
              name,
              call -> {
                int index = items.indexOf(call.argument(0, "value"));
                if (index < 0) {
                  throw JinjaException.value(
                      Format.repr(call.argument(0, "value")) + " is not in list");
                }
                return Value.of(index);
              });
      case "count" ->
          bound(
              name,
              call -> {
                Value wanted = call.argument(0, "value");
                return Value.of(items.stream().filter(wanted::equals).count());
              });
      default -> Optional.empty();
    };
  }

  private static Optional<Value> bound(String name, Function.Body body) {
    return Optional.of(new Function(name, body));
  }
}
