package io.gatun.runtime.text.jinja;

import static java.util.Map.entry;

import io.gatun.runtime.text.jinja.Value.Bool;
import io.gatun.runtime.text.jinja.Value.Dict;
import io.gatun.runtime.text.jinja.Value.Generator;
import io.gatun.runtime.text.jinja.Value.Int;
import io.gatun.runtime.text.jinja.Value.Real;
import io.gatun.runtime.text.jinja.Value.Str;
import io.gatun.runtime.text.jinja.Value.Undefined;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;

/** Jinja's filters on one value; those on sequences are in {@link SequenceFilters}. */
final class Filters {
  /** A filter. */
  interface Filter {
    /** The filtered value. */
    Value apply(Value input, Call call);
  }

  private static final Pattern WORD = Pattern.compile("(?U)\\w+");

  private static final Map<String, Filter> ALL =
      Map.ofEntries(
          entry("trim", (v, c) -> StringMethods.strip(Format.str(v), c, true, true)),
          entry("string", (v, c) -> c.run().text(Format.str(v))),
          entry("safe", (v, c) -> c.run().text(Format.str(v))),
          entry("escape", (v, c) -> c.run().text(escape(Format.str(v)))),
          entry("e", (v, c) -> c.run().text(escape(Format.str(v)))),
          entry("upper", (v, c) -> c.run().text(Text.upper(Format.str(v)))),
          entry("lower", (v, c) -> c.run().text(Text.lower(Format.str(v)))),
          entry("capitalize", (v, c) -> c.run().text(Text.capitalize(Format.str(v)))),
          entry("title", (v, c) -> c.run().text(title(Format.str(v)))),
          entry("center", (v, c) -> StringMethods.pad(Format.str(v), c, 1, 1)),
          entry("replace", Filters::replace),
          entry("format", Filters::format),
          entry("indent", Filters::indent),
          entry("wordcount", (v, c) -> Value.of(WORD.matcher(Format.str(v)).results().count())),
          entry("tojson", Json::filter),
          entry("default", Filters::otherwise),
          entry("d", Filters::otherwise),
          entry("int", Filters::integer),
          entry("float", Filters::real),
          entry("abs", Filters::abs),
          entry("round", Filters::round),
          entry("attr", (v, c) -> Attributes.method(v, c.text(0, "name"))),
          entry("items", Filters::items),
          entry("length", Filters::length),
          entry("count", Filters::length));

  private Filters() {}

  /** The filter of a name; an error if there is none. */
  static Filter find(String name) {
    if (!exists(name)) {
      throw new JinjaException("TemplateAssertionError", "No filter named '" + name + "'.");
    }
    var filters = ALL.containsKey(name) ? ALL : SequenceFilters.ALL;
    return Objects.requireNonNull(filters.get(name));
  }

  /** Whether there is a filter of that name. */
  static boolean exists(String name) {
    return ALL.containsKey(name) || SequenceFilters.ALL.containsKey(name);
  }

  private static String escape(String s) {
    return s.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("'", "&#39;")
        .replace("\"", "&#34;");
  }

  /** Upper case after white space and any of {@code - ( { [ <}, lower case elsewhere. */
  private static String title(String s) {
    var out = new StringBuilder(s.length());
    boolean start = true;
    for (int c : s.codePoints().toArray()) {
      String one = Character.toString(c);
      out.append(start ? Text.upper(one) : Text.lower(one));
      start = Text.isSpace(c) || "-({[<".indexOf(c) >= 0;
    }
    return out.toString();
  }

  private static Value replace(Value input, Call call) {
    String old = Format.str(call.argument(0, "old"));
    String by = Format.str(call.argument(1, "new"));
    Value count = call.argument(2, "count", Value.NONE);
    int most = count instanceof Value.None ? -1 : Numbers.index(count);
    return StringMethods.replace(Format.str(input), old, by, most, call);
  }

  private static Value format(Value input, Call call) {
    Value arguments = new Value.Tuple(call.positional());
    if (!call.named().isEmpty()) {
      arguments = Values.dict(call.named());
    }
    return call.run().text(Printf.format(call.run(), Format.str(input), arguments));
  }

  private static Value indent(Value input, Call call) {
    String text = call.string(input);
    Value width = call.argument(0, "width", Value.of(4));
    Run run = call.run();
    String pad = width instanceof Str s ? s.text() : run.repeat(" ", Numbers.index(width));
    boolean blank = call.flag(2, "blank");
    List<Value> lines = StringSplit.lines(text + "\n", false);
    run.checkLength((long) lines.size() * pad.length());
    var out = new StringBuilder(call.flag(1, "first") ? pad : "");
    for (int i = 0; i < lines.size(); i++) {
      String line = Format.str(lines.get(i));
      out.append(i == 0 ? "" : "\n");
      out.append(i == 0 || (line.isEmpty() && !blank) ? "" : pad).append(line);
    }
    return run.text(out.toString());
  }

  private static Value otherwise(Value input, Call call) {
    boolean use =
        input instanceof Undefined || (call.flag(1, "boolean") && !Sequences.truth(input));
    return use ? call.argument(0, "default_value", Value.of("")) : input;
  }

  private static Value integer(Value input, Call call) {
    Value otherwise = call.argument(0, "default", Value.of(0));
    return switch (input) {
      case Int i -> i;
      case Bool b -> new Int(Numbers.integer(b));
      case Real r when Double.isFinite(r.value()) ->
          new Int(new BigDecimal(r.value()).toBigInteger());
      case Str s -> parsed(s.text(), call.index(1, "base", 10), otherwise);
      case Undefined u -> throw u.error();
      default -> otherwise;
    };
  }

  private static Value parsed(String text, int base, Value otherwise) {
    String digits = Text.strip(text, Text::isSpace, true, true).replaceAll("(?<=\\w)_(?=\\w)", "");
    if (digits.length() > 4300 || base < 2 || base > 36) {
      return otherwise;
    }
    String prefix = base == 16 ? "0[xX]" : base == 8 ? "0[oO]" : base == 2 ? "0[bB]" : "";
    try {
      return new Int(new BigInteger(digits.replaceFirst("^([+-]?)" + prefix, "$1"), base));
    } catch (NumberFormatException e) {
      Value number = real(digits, otherwise);
      return number instanceof Real r && Double.isFinite(r.value())
          ? new Int(new BigDecimal(r.value()).toBigInteger())
          : otherwise;
    }
  }

  private static Value real(Value input, Call call) {
    Value otherwise = call.argument(0, "default", new Real(0));
    return switch (input) {
      case Real r -> r;
      case Str s -> real(Text.strip(s.text(), Text::isSpace, true, true), otherwise);
      case Undefined u -> throw u.error();
      default -> Numbers.isNumber(input) ? new Real(Numbers.real(input)) : otherwise;
    };
  }

  private static Value real(String text, Value otherwise) {
    if (!text.matches("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?") || text.length() > 400) {
      return switch (Text.lower(text).replaceFirst("^[+-]", "")) {
        case "inf", "infinity" ->
            new Real(text.startsWith("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY);
        case "nan" -> new Real(Double.NaN);
        default -> otherwise;
      };
    }
    return new Real(Double.parseDouble(text));
  }

  private static Value abs(Value input, Call call) {
    if (input instanceof Undefined u) {
      throw u.error();
    }
    if (!Numbers.isNumber(input)) {
      throw JinjaException.type("bad operand type for abs(): '" + input.type() + "'");
    }
    return input instanceof Real r
        ? new Real(Math.abs(r.value()))
        : new Int(Numbers.integer(input).abs());
  }

  private static Value round(Value input, Call call) {
    int precision = call.index(0, "precision", 0);
    RoundingMode mode =
        switch (Format.str(call.argument(1, "method", Value.of("common")))) {
          case "common" -> RoundingMode.HALF_EVEN;
          case "ceil" -> RoundingMode.CEILING;
          case "floor" -> RoundingMode.FLOOR;
          default -> throw JinjaException.value("method must be common, ceil or floor");
        };
    boolean whole = input instanceof Int || input instanceof Bool;
    if (whole && mode == RoundingMode.HALF_EVEN && Math.abs(precision) <= 400) {
      var exact = new BigDecimal(Numbers.integer(input));
      return new Int(exact.setScale(Math.min(precision, 0), mode).toBigInteger());
    }
    double value = Numbers.real(input);
    if (!Double.isFinite(value) || Math.abs(precision) > 400) {
      return new Real(value);
    }
    return new Real(new BigDecimal(value).setScale(precision, mode).doubleValue());
  }

  private static Value items(Value input, Call call) {
    return switch (input) {
      case Undefined u -> new Generator(List.of());
      case Dict d -> new Generator(Sequences.pairs(d));
      default -> throw JinjaException.type("Can only get item pairs from a mapping.");
    };
  }

  private static Value length(Value input, Call call) {
    return Value.of(
        Sequences.length(input)
            .orElseThrow(
                () -> JinjaException.type("object of type '" + input.type() + "' has no len()")));
  }
}
