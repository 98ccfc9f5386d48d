package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.None;
import io.gatun.runtime.text.jinja.Value.Tuple;
import java.util.ArrayList;
import java.util.LinkedList;
import java.util.List;

/**
 * {@code split}, {@code rsplit}, {@code splitlines} and {@code partition} of Python's {@code str}.
 */
final class StringSplit {
  private StringSplit() {}

  /**
   * {@code split(sep, maxsplit)}; without a separator at runs of white space, which never give
   * empty parts.
   */
  static List<Value> split(String s, Call call) {
    Value separator = call.argument(0, "sep", Value.NONE);
    int most = most(call);
    if (separator instanceof None) {
      return words(s, most);
    }
    String by = separator(call, separator);
    var parts = new ArrayList<Value>();
    int from = 0;
    int hit;
    while (parts.size() < most && (hit = s.indexOf(by, from)) >= 0) {
      parts.add(Value.of(s.substring(from, hit)));
      from = hit + by.length();
    }
    parts.add(Value.of(s.substring(from)));
    return parts;
  }

  /** {@code rsplit(sep, maxsplit)}: as split, counted from the right. */
  static List<Value> rsplit(String s, Call call) {
    Value separator = call.argument(0, "sep", Value.NONE);
    int most = most(call);
    var parts = new LinkedList<Value>();
    if (separator instanceof None) {
      int to = spaceBefore(s, s.length());
      while (to > 0) {
        int from = parts.size() == most ? 0 : wordStart(s, to);
        parts.addFirst(Value.of(s.substring(from, to)));
        to = spaceBefore(s, from);
      }
      return parts;
    }
    String by = separator(call, separator);
    int to = s.length();
    int hit;
    while (parts.size() < most && (hit = s.lastIndexOf(by, to - by.length())) >= 0) {
      parts.addFirst(Value.of(s.substring(hit + by.length(), to)));
      to = hit;
    }
    parts.addFirst(Value.of(s.substring(0, to)));
    return parts;
  }

  private static int most(Call call) {
    int most = call.index(1, "maxsplit", -1);
    return most < 0 ? Integer.MAX_VALUE : most;
  }

  private static String separator(Call call, Value value) {
    String separator = call.string(value);
    if (separator.isEmpty()) {
      throw JinjaException.value("empty separator");
    }
    return separator;
  }

  private static List<Value> words(String s, int most) {
    var parts = new ArrayList<Value>();
    int from = skipSpace(s, 0);
    while (from < s.length()) {
      int to = parts.size() == most ? s.length() : wordEnd(s, from);
      parts.add(Value.of(s.substring(from, to)));
      from = skipSpace(s, to);
    }
    return parts;
  }

  private static int skipSpace(String s, int from) {
    int i = from;
    while (i < s.length() && Text.isSpace(s.codePointAt(i))) {
      i += Character.charCount(s.codePointAt(i));
    }
    return i;
  }

  private static int wordEnd(String s, int from) {
    int i = from;
    while (i < s.length() && !Text.isSpace(s.codePointAt(i))) {
      i += Character.charCount(s.codePointAt(i));
    }
    return i;
  }

  private static int spaceBefore(String s, int to) {
    int i = to;
    while (i > 0 && Text.isSpace(s.codePointBefore(i))) {
      i -= Character.charCount(s.codePointBefore(i));
    }
    return i;
  }

  private static int wordStart(String s, int to) {
    int i = to;
    while (i > 0 && !Text.isSpace(s.codePointBefore(i))) {
      i -= Character.charCount(s.codePointBefore(i));
    }
    return i;
  }

  /** {@code splitlines(keepends)}: at every line boundary Python knows. */
  static List<Value> lines(String s, boolean keepEnds) {
    var lines = new ArrayList<Value>();
    int from = 0;
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      if (!isLineEnd(c)) {
        continue;
      }
      int end = c == '\r' && s.startsWith("\n", i + 1) ? i + 2 : i + 1;
      lines.add(Value.of(s.substring(from, keepEnds ? end : i)));
      from = end;
      i = end - 1;
    }
    if (from < s.length()) {
      lines.add(Value.of(s.substring(from)));
    }
    return lines;
  }

  private static boolean isLineEnd(char c) {
    return (c >= '\n' && c <= '\r')
        || (c >= 0x1c && c <= 0x1e)
        || c == 0x85
        || c == 0x2028
        || c == 0x2029;
  }

  /**
   * {@code partition} around the separator at {@code hit}; {@code rpartition} leaves the text last
   * if there is none.
   */
  static Value partition(String s, Call call, int hit) {
    String by = separator(call, call.argument(0, "sep"));
    Value empty = Value.of("");
    if (hit < 0) {
      boolean right = call.name().startsWith("r");
      return new Tuple(
          right ? List.of(empty, empty, Value.of(s)) : List.of(Value.of(s), empty, empty));
    }
    Value before = Value.of(s.substring(0, hit));
    return new Tuple(List.of(before, Value.of(by), Value.of(s.substring(hit + by.length()))));
  }
}
