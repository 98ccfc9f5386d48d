package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Token.Kind;
import java.util.List;

/** One token of the expression language inside a tag. */
final class CodeLexer {
  private static final List<String> OPERATORS =
      List.of(
          "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{",
          "}", ">", "<", "=", ".", ":", "|", ",", ";");

  private CodeLexer() {}

  /** A token and where the source goes on after it. */
  record Lexeme(Token token, int end) {}

  /** The token that starts at {@code at}, which is not white space. */
  static Lexeme next(String source, int at, int line) {
    if (digit(source, at)) {
      return number(source, at, line);
    }
    int name = nameEnd(source, at);
    if (name > at) {
      return lexeme(Kind.NAME, source.substring(at, name), name, line);
    }
    char c = source.charAt(at);
    if (c == '\'' || c == '"') {
      return string(source, at, line);
    }
    for (String op : OPERATORS) {
      if (source.startsWith(op, at)) {
        return lexeme(Kind.OPERATOR, op, at + op.length(), line);
      }
    }
    String unexpected = Character.toString(source.codePointAt(at));
    throw JinjaException.syntax("unexpected char " + Format.repr(Value.of(unexpected)), line);
  }

  private static Lexeme lexeme(Kind kind, String text, int end, int line) {
    return new Lexeme(new Token(kind, text, line), end);
  }

  private static Lexeme number(String source, int at, int line) {
    if (source.charAt(at) == '0' && at + 2 < source.length()) {
      int radix = radix(source.charAt(at + 1));
      int end = digits(source, at + 2, radix);
      if (end > at + 2) {
        return lexeme(Kind.INTEGER, source.substring(at, end).replace("_", ""), end, line);
      }
    }
    int end = digits(source, at, 10);
    Kind kind = Kind.INTEGER;
    boolean afterDot = at > 0 && source.charAt(at - 1) == '.';
    if (!afterDot && source.startsWith(".", end) && digit(source, end + 1)) {
      kind = Kind.FLOAT;
      end = digits(source, end + 1, 10);
    }
    int exponent = end + 1;
    if (source.startsWith("+", exponent) || source.startsWith("-", exponent)) {
      exponent++;
    }
    if (!afterDot
        && end < source.length()
        && "eE".indexOf(source.charAt(end)) >= 0
        && digit(source, exponent)) {
      kind = Kind.FLOAT;
      end = digits(source, exponent, 10);
    }
    return lexeme(kind, source.substring(at, end).replace("_", ""), end, line);
  }

  private static int radix(char prefix) {
    return switch (prefix) {
      case 'b', 'B' -> 2;
      case 'o', 'O' -> 8;
      case 'x', 'X' -> 16;
      default -> 0;
    };
  }

  /** The end of a run of digits in which single underscores may stand. */
  private static int digits(String source, int from, int radix) {
    int i = from;
    while (i < source.length()
        && (Character.digit(source.charAt(i), radix) >= 0
            || (source.charAt(i) == '_'
                && i > from
                && i + 1 < source.length()
                && Character.digit(source.charAt(i + 1), radix) >= 0))) {
      i++;
    }
    return i;
  }

  private static boolean digit(String source, int at) {
    return at < source.length() && source.charAt(at) >= '0' && source.charAt(at) <= '9';
  }

  private static int nameEnd(String source, int at) {
    int i = at;
    while (i < source.length()) {
      int c = source.codePointAt(i);
      boolean part =
          c == '_'
              || (i == at
                  ? Character.isUnicodeIdentifierStart(c)
                  : Character.isUnicodeIdentifierPart(c) && !Character.isIdentifierIgnorable(c));
      if (!part) {
        break;
      }
      i += Character.charCount(c);
    }
    return i;
  }

  private static Lexeme string(String source, int at, int line) {
    char quote = source.charAt(at);
    int end = at + 1;
    while (end < source.length() && source.charAt(end) != quote) {
      end += source.charAt(end) == '\\' ? 2 : 1;
    }
    if (end >= source.length()) {
      throw JinjaException.syntax("unexpected char " + quote + ", a string without end", line);
    }
    return lexeme(Kind.STRING, unescape(source.substring(at + 1, end), line), end + 1, line);
  }

  /** Python's string escapes; an unknown one keeps its backslash. */
  private static String unescape(String body, int line) {
    if (body.indexOf('\\') < 0) {
      return body;
    }
    var out = new StringBuilder(body.length());
    int i = 0;
    while (i < body.length()) {
      char c = body.charAt(i++);
      if (c != '\\') {
        out.append(c);
        continue;
      }
      char e = body.charAt(i++);
      i = escape(body, i, e, out, line);
    }
    return out.toString();
  }

  /** Appends what the escape {@code \\e} stands for; {@code i} is the place after {@code e}. */
  private static int escape(String body, int i, char e, StringBuilder out, int line) {
    int simple = "\\'\"abfnrtv".indexOf(e);
    if (simple >= 0) {
      out.append("\\'\"\u0007\b\f\n\r\t\u000b".charAt(simple));
      return i;
    }
    if (e >= '0' && e <= '7') {
      int end = i;
      while (end < Math.min(body.length(), i + 2)
          && body.charAt(end) >= '0'
          && body.charAt(end) <= '7') {
        end++;
      }
      out.appendCodePoint(Integer.parseInt(body, i - 1, end, 8));
      return end;
    }
    if (e == 'x' || e == 'u' || e == 'U') {
      int digits = e == 'x' ? 2 : e == 'u' ? 4 : 8;
      out.appendCodePoint(hex(body, i, digits, line));
      return i + digits;
    }
    if (e != '\n') {
      out.append('\\').append(e);
    }
    return i;
  }

  private static int hex(String body, int from, int digits, int line) {
    int value = 0;
    for (int i = from; i < from + digits; i++) {
      int digit = i < body.length() ? Character.digit(body.charAt(i), 16) : -1;
      if (digit < 0 || value > 0x10FFFF) {
        throw JinjaException.syntax("a string with a broken \\x, \\u or \\U escape", line);
      }
      value = value << 4 | digit;
    }
    if (value > 0x10FFFF) {
      throw JinjaException.syntax("a string with an escape beyond U+10FFFF", line);
    }
    return value;
  }
}
