package io.gatun.runtime.text.jinja;

import static java.util.Map.entry;

import io.gatun.runtime.text.jinja.Value.Bool;
import io.gatun.runtime.text.jinja.Value.Dict;
import io.gatun.runtime.text.jinja.Value.Function;
import io.gatun.runtime.text.jinja.Value.Int;
import io.gatun.runtime.text.jinja.Value.None;
import io.gatun.runtime.text.jinja.Value.Real;
import io.gatun.runtime.text.jinja.Value.Str;
import io.gatun.runtime.text.jinja.Value.Undefined;
import io.gatun.runtime.text.jinja.Value.View;
import java.util.Map;
import java.util.Objects;

/** Jinja's tests: {@code value is name(arguments)}. */
final class Tests {
  /** A test. */
  interface Test {
    /** Whether the value passes. */
    boolean holds(Value value, Call call);
  }

  private static final Map<String, Test> ALL =
      Map.ofEntries(
          entry("defined", (v, c) -> !(v instanceof Undefined)),
          entry("undefined", (v, c) -> v instanceof Undefined),
          entry("none", (v, c) -> v instanceof None),
          entry("boolean", (v, c) -> v instanceof Bool),
          entry("true", (v, c) -> v instanceof Bool b && b.value()),
          entry("false", (v, c) -> v instanceof Bool b && !b.value()),
          entry("integer", (v, c) -> v instanceof Int),
          entry("float", (v, c) -> v instanceof Real),
          entry("number", (v, c) -> Numbers.isNumber(v)),
          entry("string", (v, c) -> v instanceof Str),
          entry("mapping", (v, c) -> v instanceof Dict),
          entry("sequence", (v, c) -> Sequences.length(v).isPresent() && !(v instanceof View)),
          entry("iterable", (v, c) -> Sequences.isIterable(v)),
          entry("callable", (v, c) -> v instanceof Function || v instanceof Undefined),
          entry("odd", (v, c) -> remainder(c, v, 2).equals(Value.of(1))),
          entry("even", (v, c) -> remainder(c, v, 2).equals(Value.of(0))),
          entry("divisibleby", (v, c) -> divisible(v, c)),
          entry("lower", (v, c) -> Format.str(v).equals(Text.lower(Format.str(v))) && hasCase(v)),
          entry("upper", (v, c) -> Format.str(v).equals(Text.upper(Format.str(v))) && hasCase(v)),
          entry("sameas", (v, c) -> same(v, c.argument(0, "other"))),
          entry("in", (v, c) -> Operators.contains(c.argument(0, "seq"), v)),
          entry("filter", (v, c) -> Filters.exists(Format.str(v))),
          entry("test", (v, c) -> exists(Format.str(v))),
          entry("eq", compare("==")),
          entry("equalto", compare("==")),
          entry("==", compare("==")),
          entry("ne", compare("!=")),
          entry("!=", compare("!=")),
          entry("lt", compare("<")),
          entry("lessthan", compare("<")),
          entry("<", compare("<")),
          entry("le", compare("<=")),
          entry("<=", compare("<=")),
          entry("gt", compare(">")),
          entry("greaterthan", compare(">")),
          entry(">", compare(">")),
          entry("ge", compare(">=")),
          entry(">=", compare(">=")));

  private Tests() {}

  /** The test of a name; an error if there is none. */
  static Test find(String name) {
    if (!exists(name)) {
      throw new JinjaException("TemplateAssertionError", "No test named '" + name + "'.");
    }
    return Objects.requireNonNull(ALL.get(name));
  }

  private static boolean exists(String name) {
    return ALL.containsKey(name);
  }

  private static Test compare(String op) {
    return (value, call) -> Operators.compare(op, value, call.argument(0, "other"));
  }

  private static Value remainder(Call call, Value value, long by) {
    return Operators.binary(call.run(), "%", value, Value.of(by));
  }

  private static boolean divisible(Value value, Call call) {
    Value rest = Operators.binary(call.run(), "%", value, call.argument(0, "num"));
    return rest.equals(Value.of(0));
  }

  private static boolean hasCase(Value value) {
    String s = Format.str(value);
    return !Text.lower(s).equals(Text.upper(s));
  }

  /** Python's {@code is}: single values are themselves, others by content and type. */
  private static boolean same(Value a, Value b) {
    return a.getClass() == b.getClass() && a.equals(b);
  }
}
