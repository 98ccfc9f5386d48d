package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Bool;
import io.gatun.runtime.text.jinja.Value.Dict;
import io.gatun.runtime.text.jinja.Value.Int;
import io.gatun.runtime.text.jinja.Value.ListValue;
import io.gatun.runtime.text.jinja.Value.None;
import io.gatun.runtime.text.jinja.Value.Real;
import io.gatun.runtime.text.jinja.Value.Str;
import io.gatun.runtime.text.jinja.Value.Tuple;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * {@code json.dumps} as the {@code tojson} filter calls it: nothing escaped for HTML, keys in their
 * own order.
 */
final class Json {
  private final boolean ascii;
  private final String indent;
  private final String itemSeparator;
  private final String keySeparator;
  private final boolean sortKeys;
  private final Run run;
  private final StringBuilder out = new StringBuilder();

  private Json(Run run, boolean ascii, String indent, String item, String key, boolean sortKeys) {
    this.run = run;
    this.ascii = ascii;
    this.indent = indent;
    itemSeparator = item;
    keySeparator = key;
    this.sortKeys = sortKeys;
  }

  /** The filter {@code tojson(ensure_ascii, indent, separators, sort_keys)}. */
  static Value filter(Value input, Call call) {
    Value indent = call.argument(1, "indent", Value.NONE);
    Value separators = call.argument(2, "separators", Value.NONE);
    boolean pretty = !(indent instanceof None);
    String item = pretty ? "," : ", ";
    String key = ": ";
    if (!(separators instanceof None)) {
      List<Value> pair = Sequences.items(separators);
      if (pair.size() != 2) {
        throw JinjaException.value("separators must be a pair");
      }
      item = call.string(pair.get(0));
      key = call.string(pair.get(1));
    }
    var json =
        new Json(
            call.run(),
            Sequences.truth(call.argument(0, "ensure_ascii", Value.of(false))),
            pretty ? indentation(indent, call) : "",
            pretty ? item + "\n" : item,
            key,
            Sequences.truth(call.argument(3, "sort_keys", Value.of(false))));
    json.write(input, pretty, 0);
    return call.run().text(json.out.toString());
  }

  private static String indentation(Value indent, Call call) {
    return indent instanceof Str s ? s.text() : call.run().repeat(" ", Numbers.index(indent));
  }

  private void write(Value value, boolean pretty, int depth) {
    Format.checkDepth(depth);
    switch (value) {
      case None n -> out.append("null");
      case Bool b -> out.append(b.value());
      case Int i -> out.append(i.value());
      case Real r -> out.append(real(r.value()));
      case Str s -> string(s.text());
      case ListValue l -> list(l.items(), pretty, depth);
      case Tuple t -> list(t.items(), pretty, depth);
      case Dict d -> dict(d.entries(), pretty, depth);
      default ->
          throw JinjaException.type("Object of type " + value.type() + " is not JSON serializable");
    }
  }

  private static String real(double d) {
    if (Double.isNaN(d)) {
      return "NaN";
    }
    return Double.isInfinite(d) ? (d > 0 ? "Infinity" : "-Infinity") : Format.real(d);
  }

  private void list(List<Value> items, boolean pretty, int depth) {
    if (items.isEmpty()) {
      out.append("[]");
      return;
    }
    String separator = pretty ? "[\n" : "[";
    for (Value item : items) {
      begin(separator, pretty, depth + 1);
      write(item, pretty, depth + 1);
      separator = itemSeparator;
    }
    end("]", pretty, depth);
  }

  private void dict(Map<Value, Value> entries, boolean pretty, int depth) {
    if (entries.isEmpty()) {
      out.append("{}");
      return;
    }
    var keys = new ArrayList<>(entries.keySet());
    if (sortKeys) {
      keys.sort(Operators::order);
    }
    String separator = pretty ? "{\n" : "{";
    for (Value key : keys) {
      begin(separator, pretty, depth + 1);
      key(key);
      out.append(keySeparator);
      write(Objects.requireNonNull(entries.get(key)), pretty, depth + 1);
      separator = itemSeparator;
    }
    end("}", pretty, depth);
  }

  private void key(Value key) {
    switch (key) {
      case Str s -> string(s.text());
      case None n -> out.append("\"null\"");
      case Bool b -> out.append('"').append(b.value()).append('"');
      case Int i -> out.append('"').append(i.value()).append('"');
      case Real r -> out.append('"').append(real(r.value())).append('"');
      default ->
          throw JinjaException.type(
              "keys must be str, int, float, bool or None, not " + key.type());
    }
  }

  private void begin(String separator, boolean pretty, int depth) {
    run.checkLength(out.length() + (long) indent.length() * depth);
    out.append(separator);
    if (pretty) {
      out.repeat(indent, depth);
    }
  }

  private void end(String close, boolean pretty, int depth) {
    if (pretty) {
      out.append('\n').repeat(indent, depth);
    }
    out.append(close);
  }

  private void string(String s) {
    out.append('"');
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c < ' ' || (ascii && c > '~')) {
            out.append("\\u%04x".formatted((int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
