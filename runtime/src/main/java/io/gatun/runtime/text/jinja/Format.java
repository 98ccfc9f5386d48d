package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Bool;
import io.gatun.runtime.text.jinja.Value.Dict;
import io.gatun.runtime.text.jinja.Value.Function;
import io.gatun.runtime.text.jinja.Value.Generator;
import io.gatun.runtime.text.jinja.Value.Int;
import io.gatun.runtime.text.jinja.Value.ListValue;
import io.gatun.runtime.text.jinja.Value.Loop;
import io.gatun.runtime.text.jinja.Value.Namespace;
import io.gatun.runtime.text.jinja.Value.None;
import io.gatun.runtime.text.jinja.Value.Range;
import io.gatun.runtime.text.jinja.Value.Real;
import io.gatun.runtime.text.jinja.Value.Str;
import io.gatun.runtime.text.jinja.Value.Tuple;
import io.gatun.runtime.text.jinja.Value.Undefined;
import io.gatun.runtime.text.jinja.Value.View;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;

/** How Python prints values: {@code str()} and {@code repr()}. */
final class Format {
  /** Values nested deeper than this cannot be printed or written as JSON. */
  static final int MAX_DEPTH = 500;

  private Format() {}

  /** {@code str(value)}; undefined is empty. */
  static String str(Value value) {
    return switch (value) {
      case Str s -> s.text();
      case Undefined u -> "";
      default -> repr(value);
    };
  }

  /** {@code repr(value)}. */
  static String repr(Value value) {
    var out = new StringBuilder();
    repr(value, out, 0);
    return out.toString();
  }

  private static void repr(Value value, StringBuilder out, int depth) {
    checkDepth(depth);
    switch (value) {
      case None n -> out.append("None");
      case Bool b -> out.append(b.value() ? "True" : "False");
      case Int i -> out.append(i.value());
      case Real r -> out.append(real(r.value()));
      case Str s -> quoted(s.text(), out);
      case ListValue l -> sequence(l.items(), "[", "]", out, depth);
      case Tuple t -> sequence(t.items(), "(", t.items().size() == 1 ? ",)" : ")", out, depth);
      case Dict d -> entries(d.entries(), out, depth);
      case View v -> sequence(v.items(), v.type() + "([", "])", out, depth);
      case Range r ->
          out.append("range(" + r.start() + ", " + r.stop())
              .append(r.step() == 1 ? ")" : ", " + r.step() + ")");
      case Undefined u -> out.append("Undefined");
      case Namespace n -> {
        out.append("<Namespace {");
        n.attributes.forEach((name, v) -> {
          out.append(out.charAt(out.length() - 1) == '{' ? "'" : ", '").append(name).append("': ");
          repr(v, out, depth + 1);
        });
        out.append("}>");
      }
      case Loop l -> out.append(l.state());
      case Function f -> out.append("<function ").append(f.name()).append('>');
      case Generator g -> out.append("<generator object>");
    }
  }

  static void checkDepth(int depth) {
    if (depth > MAX_DEPTH) {
      throw JinjaException.limit("a value that nests more than " + MAX_DEPTH + " levels deep");
    }
  }

  private static void sequence(
      List<Value> items, String open, String close, StringBuilder out, int depth) {
    out.append(open);
    for (int i = 0; i < items.size(); i++) {
      out.append(i == 0 ? "" : ", ");
      repr(items.get(i), out, depth + 1);
    }
    out.append(close);
  }

  private static void entries(Map<Value, Value> entries, StringBuilder out, int depth) {
    String separator = "{";
    for (var entry : entries.entrySet()) {
      out.append(separator);
      repr(entry.getKey(), out, depth + 1);
      out.append(": ");
      repr(entry.getValue(), out, depth + 1);
      separator = ", ";
    }
    out.append(entries.isEmpty() ? "{}" : "}");
  }

  private static void quoted(String s, StringBuilder out) {
    char quote = s.indexOf('\'') >= 0 && s.indexOf('"') < 0 ? '"' : '\'';
    out.append(quote);
    s.codePoints()
        .forEach(c -> {
          switch (c) {
            case '\n' -> out.append("\\n");
            case '\r' -> out.append("\\r");
            case '\t' -> out.append("\\t");
            case '\\' -> out.append("\\\\");
            default -> {
              if (c == quote) {
                out.append('\\').append(quote);
              } else if (Text.isPrintable(c)) {
                out.appendCodePoint(c);
              } else {
                String form = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
                out.append(form.formatted(c));
              }
            }
          }
        });
    out.append(quote);
  }

  /**
   * {@code repr(float)}: the shortest digits that read back the same, an exponent outside 1e-4 …
   * 1e16.
   */
  static String real(double d) {
    if (Double.isNaN(d)) {
      return "nan";
    }
    if (Double.isInfinite(d)) {
      return d > 0 ? "inf" : "-inf";
    }
    if (d == 0) {
      return 1 / d < 0 ? "-0.0" : "0.0";
    }
    var decimal = new BigDecimal(Double.toString(d)).stripTrailingZeros();
    int exponent = decimal.precision() - decimal.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      String plain = decimal.toPlainString();
      return plain.indexOf('.') >= 0 ? plain : plain + ".0";
    }
    String digits = decimal.unscaledValue().abs().toString();
    return (d < 0 ? "-" : "")
        + digits.charAt(0)
        + (digits.length() > 1 ? "." + digits.substring(1) : "")
        + "e%s%02d".formatted(exponent < 0 ? "-" : "+", Math.abs(exponent));
  }
}
