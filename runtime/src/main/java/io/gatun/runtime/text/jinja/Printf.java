package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Dict;
import io.gatun.runtime.text.jinja.Value.ListValue;
import io.gatun.runtime.text.jinja.Value.Real;
import io.gatun.runtime.text.jinja.Value.Tuple;
import io.gatun.runtime.text.jinja.Value.Undefined;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Iterator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's {@code format % arguments} and the plain fields of {@code format.format(…)}. */
final class Printf {
  private static final Pattern FIELD =
      Pattern.compile(
          "%(?:\\((\\w*)\\))?([-+ #0]*)(\\d{1,9}|\\*)?(?:\\.(\\d{1,4}))?[hlL]?(.)?",
          Pattern.DOTALL);
  private static final Pattern BRACES =
      Pattern.compile("\\{\\{|\\}\\}|\\{(\\d{0,4}|[a-zA-Z_]\\w*)\\}|[{}]");

  private Printf() {}

  /** {@code format % argument}: a tuple gives several arguments, a dict named ones. */
  static String format(Run run, String format, Value argument) {
    List<Value> values = argument instanceof Tuple t ? t.items() : List.of(argument);
    Iterator<Value> rest = values.iterator();
    var out = new StringBuilder();
    Matcher field = FIELD.matcher(format);
    int at = 0;
    while (field.find()) {
      out.append(format, at, field.start());
      at = field.end();
      if ("%".equals(field.group(5))) {
        out.append('%');
        continue;
      }
      Value value = field.group(1) == null ? next(rest) : named(argument, field.group(1));
      out.append(padded(run, field, convert(field, value)));
      run.checkLength(out.length());
    }
    boolean indexable =
        argument instanceof Dict || argument instanceof ListValue || argument instanceof Undefined;
    if (rest.hasNext() && !indexable) {
      throw JinjaException.type("not all arguments converted during string formatting");
    }
    return out.append(format, at, format.length()).toString();
  }

  private static Value next(Iterator<Value> rest) {
    if (!rest.hasNext()) {
      throw JinjaException.type("not enough arguments for format string");
    }
    return rest.next();
  }

  private static Value named(Value argument, String key) {
    if (!(argument instanceof Dict d)) {
      throw JinjaException.type("format requires a mapping");
    }
    Value value = d.entries().get(Value.of(key));
    if (value == null) {
      throw new JinjaException("KeyError", "'" + key + "'");
    }
    return value;
  }

  private static String convert(Matcher field, Value value) {
    String kind = field.group(5) == null ? "" : field.group(5);
    int precision = field.group(4) == null ? -1 : Integer.parseInt(field.group(4));
    return switch (kind) {
      case "s" -> cut(Format.str(value), precision);
      case "r", "a" -> cut(Format.repr(value), precision);
      case "d", "i", "u" -> signed(field, whole(kind, value).toString());
      case "x" -> signed(field, whole(kind, value).toString(16));
      case "X" -> signed(field, Text.upper(whole(kind, value).toString(16)));
      case "o" -> signed(field, whole(kind, value).toString(8));
      case "f", "F" -> signed(field, fixed(number(kind, value), precision < 0 ? 6 : precision));
      case "c" -> Format.str(value);
      default -> throw JinjaException.value("unsupported format character '" + kind + "'");
    };
  }

  private static String cut(String s, int precision) {
    return precision < 0 || Text.length(s) <= precision
        ? s
        : s.substring(0, s.offsetByCodePoints(0, precision));
  }

  private static BigInteger whole(String kind, Value value) {
    if (value instanceof Real r && kind.equals("d") && Double.isFinite(r.value())) {
      return new BigDecimal(r.value()).toBigInteger();
    }
    if (!Numbers.isNumber(value) || value instanceof Real) {
      throw notANumber(kind, value);
    }
    return Numbers.integer(value);
  }

  private static double number(String kind, Value value) {
    if (!Numbers.isNumber(value)) {
      throw notANumber(kind, value);
    }
    return Numbers.real(value);
  }

  private static JinjaException notANumber(String kind, Value value) {
    return JinjaException.type(
        "%" + kind + " format: a real number is required, not " + value.type());
  }

  /** A number with a fixed count of decimals, halves of the exact value to even. */
  static String fixed(double d, int decimals) {
    return Double.isNaN(d) || Double.isInfinite(d)
        ? Format.real(d)
        : new BigDecimal(d).setScale(decimals, RoundingMode.HALF_EVEN).toPlainString();
  }

  private static String signed(Matcher field, String digits) {
    if (digits.startsWith("-")) {
      return digits;
    }
    return field.group(2).contains("+")
        ? "+" + digits
        : field.group(2).contains(" ") ? " " + digits : digits;
  }

  private static String padded(Run run, Matcher field, String text) {
    if ("*".equals(field.group(3))) {
      throw JinjaException.value("a width of * is not supported");
    }
    int width = field.group(3) == null ? 0 : Integer.parseInt(field.group(3));
    int missing = width - Text.length(text);
    String flags = field.group(2);
    if (flags.contains("-")) {
      return text + run.repeat(" ", missing);
    }
    boolean zeros = flags.contains("0") && !field.group(5).equals("s");
    boolean sign = zeros && (text.startsWith("-") || text.startsWith("+"));
    String fill = run.repeat(zeros ? "0" : " ", missing);
    return sign ? text.charAt(0) + fill + text.substring(1) : fill + text;
  }

  /** {@code format.format(…)} with fields {@code {}}, {@code {0}} and {@code {name}}, no more. */
  static String braces(Call call, String format) {
    var out = new StringBuilder();
    Matcher field = BRACES.matcher(format);
    int at = 0;
    int automatic = 0;
    while (field.find()) {
      out.append(format, at, field.start());
      at = field.end();
      String name = field.group(1);
      if (field.group().equals("{{") || field.group().equals("}}")) {
        out.append(field.group().charAt(0));
      } else if (name == null) {
        throw JinjaException.value("format() knows the fields {}, {0} and {name} only");
      } else {
        boolean number = name.isEmpty() || Character.isDigit(name.charAt(0));
        int index =
            name.isEmpty()
                ? automatic++
                : number ? Integer.parseInt(name) : call.positional().size();
        out.append(Format.str(call.argument(index, name)));
      }
      call.run().checkLength(out.length());
    }
    return out.append(format, at, format.length()).toString();
  }
}
