package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Dict;
import io.gatun.runtime.text.jinja.Value.ListValue;
import io.gatun.runtime.text.jinja.Value.Loop;
import io.gatun.runtime.text.jinja.Value.Namespace;
import io.gatun.runtime.text.jinja.Value.None;
import io.gatun.runtime.text.jinja.Value.Range;
import io.gatun.runtime.text.jinja.Value.Real;
import io.gatun.runtime.text.jinja.Value.Str;
import io.gatun.runtime.text.jinja.Value.Tuple;
import io.gatun.runtime.text.jinja.Value.Undefined;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * {@code value.name} and {@code value[key]} in the immutable sandbox: methods that change their
 * object are unsafe.
 */
final class Attributes {
  private static final Set<String> CHANGES_LIST =
      Set.of("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort");
  private static final Set<String> CHANGES_DICT =
      Set.of("clear", "pop", "popitem", "setdefault", "update");

  private Attributes() {}

  /** {@code value.name}: the attribute, then the key, then undefined. */
  static Value attribute(Value value, String name) {
    if (value instanceof Undefined u) {
      throw u.error();
    }
    return own(value, name)
        .or(() -> key(value, Value.of(name)))
        .orElseGet(() -> missing(value, Value.of(name)));
  }

  /** {@code value[key]}: the key, then the attribute, then undefined. */
  static Value item(Value value, Value key) {
    if (value instanceof Undefined u) {
      throw u.error();
    }
    return key(value, key)
        .or(() -> key instanceof Str s ? own(value, s.text()) : Optional.empty())
        .orElseGet(() -> missing(value, key));
  }

  /** The attribute alone, never a key: the filter {@code attr}. */
  static Value method(Value value, String name) {
    return own(value, name).orElseGet(() -> missing(value, Value.of(name)));
  }

  private static Optional<Value> own(Value value, String name) {
    if (name.startsWith("__") && name.endsWith("__") && name.length() > 4) {
      return Optional.of(unsafe(value, name));
    }
    return switch (value) {
      case Namespace n -> Optional.ofNullable(n.attributes.get(name));
      case Loop l -> l.state().attribute(name);
      case Str s -> StringMethods.find(s.text(), name);
      case Dict d ->
          CHANGES_DICT.contains(name)
              ? Optional.of(unsafe(value, name))
              : DictMethods.find(d, name);
      case ListValue l ->
          CHANGES_LIST.contains(name) ? Optional.of(unsafe(value, name)) : listMethod(l, name);
      case Tuple t -> DictMethods.find(t.items(), name);
      default -> Optional.empty();
    };
  }

  private static Optional<Value> listMethod(ListValue list, String name) {
    return name.equals("copy")
        ? Optional.of(new Value.Function(name, call -> list))
        : DictMethods.find(list.items(), name);
  }

  private static Optional<Value> key(Value value, Value key) {
    return switch (value) {
      case Dict d -> Optional.ofNullable(d.entries().get(key));
      case Str s when isIndex(key) -> element(Text.characters(s.text()), key);
      case ListValue l when isIndex(key) -> element(l.items(), key);
      case Tuple t when isIndex(key) -> element(t.items(), key);
      case Range r when isIndex(key) -> element(r.items(), key);
      default -> Optional.empty();
    };
  }

  private static boolean isIndex(Value key) {
    return Numbers.isNumber(key) && !(key instanceof Real);
  }

  private static Optional<Value> element(List<Value> items, Value key) {
    int index = Numbers.index(key);
    int i = index < 0 ? index + items.size() : index;
    return i >= 0 && i < items.size() ? Optional.of(items.get(i)) : Optional.empty();
  }

  private static Undefined unsafe(Value value, String name) {
    return new Undefined(
        "SecurityError",
        "access to attribute '" + name + "' of '" + value.type() + "' object is unsafe.");
  }

  private static Undefined missing(Value value, Value key) {
    String object = value instanceof None ? "None" : value.type() + " object";
    return Undefined.of(
        key instanceof Str s
            ? "'" + object + "' has no attribute '" + s.text() + "'"
            : object + " has no element " + Format.repr(key));
  }
}
