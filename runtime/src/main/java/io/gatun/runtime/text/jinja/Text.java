package io.gatun.runtime.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * What Python's {@code str} knows and Java's {@code String} does not: code points, its white space,
 * its order.
 */
final class Text {
  private Text() {}

  /** {@code str.isspace} for one code point. */
  static boolean isSpace(int c) {
    return c == ' '
        || (c >= 0x09 && c <= 0x0d)
        || (c >= 0x1c && c <= 0x1f)
        || c == 0x85
        || (c >= 0x80
            && switch (Character.getType(c)) {
              case Character.SPACE_SEPARATOR,
                  Character.LINE_SEPARATOR,
                  Character.PARAGRAPH_SEPARATOR ->
                  true;
              default -> false;
            });
  }

  /** {@code str.isprintable} for one code point. */
  static boolean isPrintable(int c) {
    return c == ' '
        || switch (Character.getType(c)) {
          case Character.CONTROL,
              Character.FORMAT,
              Character.SURROGATE,
              Character.PRIVATE_USE,
              Character.UNASSIGNED,
              Character.SPACE_SEPARATOR,
              Character.LINE_SEPARATOR,
              Character.PARAGRAPH_SEPARATOR ->
              false;
          default -> true;
        };
  }

  /** The text without the code points at its left or right end that match. */
  static String strip(String s, IntPredicate match, boolean left, boolean right) {
    int from = 0;
    int to = s.length();
    while (left && from < to && match.test(s.codePointAt(from))) {
      from += Character.charCount(s.codePointAt(from));
    }
    while (right && to > from && match.test(s.codePointBefore(to))) {
      to -= Character.charCount(s.codePointBefore(to));
    }
    return s.substring(from, to);
  }

  /** {@code len(s)}. */
  static int length(String s) {
    return s.codePointCount(0, s.length());
  }

  /** The code points as strings of one. */
  static List<Value> characters(String s) {
    var out = new ArrayList<Value>(s.length());
    s.codePoints().forEach(c -> out.add(Value.of(Character.toString(c))));
    return out;
  }

  /** Order by code points. */
  static int compare(String a, String b) {
    int n = Math.min(a.length(), b.length());
    for (int i = 0; i < n; i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        boolean surrogates = Character.isSurrogate(x) != Character.isSurrogate(y);
        return surrogates ? (Character.isSurrogate(x) ? 1 : -1) : Character.compare(x, y);
      }
    }
    return Integer.compare(a.length(), b.length());
  }

  /** {@code str.capitalize}: first character upper case, the rest lower case. */
  static String capitalize(String s) {
    if (s.isEmpty()) {
      return s;
    }
    int first = s.offsetByCodePoints(0, 1);
    return titleCase(s.codePointAt(0)) + lower(s.substring(first));
  }

  private static String titleCase(int c) {
    int title = Character.toTitleCase(c);
    return title == c ? capital(upper(Character.toString(c))) : Character.toString(title);
  }

  /** One capital and the rest small, for letters such as ß whose capital form has several. */
  private static String capital(String upper) {
    int first = upper.offsetByCodePoints(0, 1);
    return upper.substring(0, first) + lower(upper.substring(first));
  }

  /** {@code str.swapcase}. */
  static String swapCase(String s) {
    var out = new StringBuilder(s.length());
    s.codePoints()
        .mapToObj(Character::toString)
        .forEach(c -> out.append(c.equals(upper(c)) ? lower(c) : upper(c)));
    return out.toString();
  }

  /** {@code str.title}: every run of letters capitalized. */
  static String title(String s) {
    var out = new StringBuilder(s.length());
    boolean inWord = false;
    for (int c : s.codePoints().toArray()) {
      String one = Character.toString(c);
      out.append(inWord ? lower(one) : titleCase(c));
      inWord = Character.isLetter(c);
    }
    return out.toString();
  }

  static String upper(String s) {
    return s.toUpperCase(java.util.Locale.ROOT);
  }

  static String lower(String s) {
    return s.toLowerCase(java.util.Locale.ROOT);
  }
}
