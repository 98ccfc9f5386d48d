package io.gatun.runtime.text.jinja;

import static java.util.Map.entry;

import io.gatun.runtime.text.jinja.Value.Function;
import io.gatun.runtime.text.jinja.Value.None;
import io.gatun.runtime.text.jinja.Value.Tuple;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/** The methods of Python's {@code str}. */
final class StringMethods {
  /** A method of a string. */
  private interface Method {
    Value apply(String s, Call call);
  }

  private static final Map<String, Method> METHODS =
      Map.ofEntries(
          entry("strip", (s, c) -> strip(s, c, true, true)),
          entry("lstrip", (s, c) -> strip(s, c, true, false)),
          entry("rstrip", (s, c) -> strip(s, c, false, true)),
          entry("upper", (s, c) -> c.run().text(Text.upper(s))),
          entry("lower", (s, c) -> c.run().text(Text.lower(s))),
          entry("casefold", (s, c) -> c.run().text(Text.lower(s))),
          entry("title", (s, c) -> c.run().text(Text.title(s))),
          entry("swapcase", (s, c) -> c.run().text(Text.swapCase(s))),
          entry("capitalize", (s, c) -> c.run().text(Text.capitalize(s))),
          entry("split", (s, c) -> c.run().list(StringSplit.split(s, c))),
          entry("rsplit", (s, c) -> c.run().list(StringSplit.rsplit(s, c))),
          entry("splitlines", (s, c) -> c.run().list(StringSplit.lines(s, c.flag(0, "keepends")))),
          entry("partition", (s, c) -> StringSplit.partition(s, c, s.indexOf(c.text(0, "sep")))),
          entry(
              "rpartition", (s, c) -> StringSplit.partition(s, c, s.lastIndexOf(c.text(0, "sep")))),
          entry("startswith", (s, c) -> affix(c, s::startsWith)),
          entry("endswith", (s, c) -> affix(c, s::endsWith)),
          entry("removeprefix", (s, c) -> removeprefix(s, c.text(0, "prefix"))),
          entry("removesuffix", (s, c) -> removesuffix(s, c.text(0, "suffix"))),
          entry(
              "replace",
              (s, c) -> replace(s, c.text(0, "old"), c.text(1, "new"), c.index(2, "count", -1), c)),
          entry("join", (s, c) -> join(s, c.argument(0, "iterable"), c)),
          entry("find", (s, c) -> Value.of(position(s, s.indexOf(sub(c))))),
          entry("rfind", (s, c) -> Value.of(position(s, s.lastIndexOf(sub(c))))),
          entry("index", (s, c) -> Value.of(found(position(s, s.indexOf(sub(c)))))),
          entry("rindex", (s, c) -> Value.of(found(position(s, s.lastIndexOf(sub(c)))))),
          entry("count", (s, c) -> Value.of(count(s, sub(c)))),
          entry("zfill", (s, c) -> zfill(s, c)),
          entry("ljust", (s, c) -> pad(s, c, 0, 1)),
          entry("rjust", (s, c) -> pad(s, c, 1, 0)),
          entry("center", (s, c) -> pad(s, c, 1, 1)),
          entry("format", (s, c) -> c.run().text(Printf.braces(c, s))),
          entry("isdigit", (s, c) -> all(s, Character::isDigit)),
          entry("isdecimal", (s, c) -> all(s, Character::isDigit)),
          entry("isnumeric", (s, c) -> all(s, Character::isDigit)),
          entry("isalpha", (s, c) -> all(s, Character::isLetter)),
          entry("isalnum", (s, c) -> all(s, Character::isLetterOrDigit)),
          entry("isspace", (s, c) -> all(s, Text::isSpace)),
          entry("isupper", (s, c) -> Value.of(s.equals(Text.upper(s)) && !s.equals(Text.lower(s)))),
          entry(
              "islower", (s, c) -> Value.of(s.equals(Text.lower(s)) && !s.equals(Text.upper(s)))));

  private StringMethods() {}

  /** The method of a name, bound to the string. */
  static Optional<Value> find(String s, String name) {
    return Optional.ofNullable(METHODS.get(name))
        .map(method -> new Function(name, call -> method.apply(s, call)));
  }

  /**
   * {@code strip(chars)}: the characters at the ends that are in {@code chars}, white space if none
   * given.
   */
  static Value strip(String s, Call call, boolean left, boolean right) {
    Value chars = call.argument(0, "chars", Value.NONE);
    IntPredicate match = Text::isSpace;
    if (!(chars instanceof None)) {
      String set = call.string(chars);
      match = c -> set.indexOf(c) >= 0;
    }
    return Value.of(Text.strip(s, match, left, right));
  }

  private static Value affix(Call call, Predicate<String> matches) {
    refusePositions(call);
    Value affix = call.argument(0, "prefix");
    List<Value> candidates = affix instanceof Tuple t ? t.items() : List.of(affix);
    return Value.of(candidates.stream().anyMatch(a -> matches.test(call.string(a))));
  }

  private static Value removeprefix(String s, String prefix) {
    return Value.of(s.startsWith(prefix) ? s.substring(prefix.length()) : s);
  }

  private static Value removesuffix(String s, String suffix) {
    return Value.of(s.endsWith(suffix) ? s.substring(0, s.length() - suffix.length()) : s);
  }

  /** {@code replace(old, new, count)}; a negative count replaces all. */
  static Value replace(String s, String old, String by, int count, Call call) {
    long most = count < 0 ? Long.MAX_VALUE : count;
    long times = Math.min(most, old.isEmpty() ? Text.length(s) + 1L : count(s, old));
    call.run().checkLength(s.length() + times * Math.max(0, by.length() - old.length()));
    var out = new StringBuilder();
    int at = 0;
    for (long i = 0; i < times; i++) {
      int hit = old.isEmpty() ? (i == 0 ? 0 : s.offsetByCodePoints(at, 1)) : s.indexOf(old, at);
      out.append(s, at, hit).append(by);
      at = hit + old.length();
    }
    return call.run().text(out.append(s, at, s.length()).toString());
  }

  /** {@code separator.join(items)}: every item must be a string. */
  private static Value join(String separator, Value items, Call call) {
    var out = new StringBuilder();
    boolean first = true;
    for (Value item : Sequences.items(items)) {
      String text = call.string(item);
      call.run().checkLength((long) out.length() + separator.length() + text.length());
      out.append(first ? "" : separator).append(text);
      first = false;
    }
    return call.run().text(out.toString());
  }

  private static String sub(Call call) {
    refusePositions(call);
    return call.text(0, "sub");
  }

  private static void refusePositions(Call call) {
    if (call.positional().size() > 1) {
      throw JinjaException.type(call.name() + "() with a start and an end is not supported");
    }
  }

  private static int position(String s, int index) {
    return index < 0 ? -1 : s.codePointCount(0, index);
  }

  private static int found(int index) {
    if (index < 0) {
      throw JinjaException.value("substring not found");
    }
    return index;
  }

  private static long count(String s, String sub) {
    if (sub.isEmpty()) {
      return Text.length(s) + 1L;
    }
    long n = 0;
    for (int i = s.indexOf(sub); i >= 0; i = s.indexOf(sub, i + sub.length())) {
      n++;
    }
    return n;
  }

  private static Value zfill(String s, Call call) {
    int missing = call.index(0, "width", 0) - Text.length(s);
    boolean signed = s.startsWith("-") || s.startsWith("+");
    String zeros = call.run().repeat("0", missing);
    return call.run().text(signed ? s.charAt(0) + zeros + s.substring(1) : zeros + s);
  }

  /** The string in a field of a width, the room shared between left and right. */
  static Value pad(String s, Call call, int left, int right) {
    int width = call.index(0, "width", 80);
    String fill = call.string(call.argument(1, "fillchar", Value.of(" ")));
    int missing = Math.max(0, width - Text.length(s));
    int before = left == 0 ? 0 : right == 0 ? missing : missing / 2 + (missing & width & 1);
    Run run = call.run();
    return run.text(run.repeat(fill, before) + s + run.repeat(fill, missing - before));
  }

  private static Value all(String s, IntPredicate test) {
    return Value.of(!s.isEmpty() && s.codePoints().allMatch(test));
  }
}
