package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Str;
import io.gatun.runtime.text.jinja.Value.Undefined;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The arguments of a call, a filter or a test.
 *
 * @param run the rendering it happens in
 * @param name what is called, for messages
 * @param positional arguments by position
 * @param named arguments by name, in order
 */
record Call(Run run, String name, List<Value> positional, Map<String, Value> named) {
  /** The argument at a position or of a name; an error when it is missing. */
  Value argument(int position, String parameter) {
    return find(position, parameter)
        .orElseThrow(
            () -> JinjaException.type(name + "() missing required argument '" + parameter + "'"));
  }

  /** The argument at a position or of a name, or its default. */
  Value argument(int position, String parameter, Value otherwise) {
    return find(position, parameter).orElse(otherwise);
  }

  private Optional<Value> find(int position, String parameter) {
    return position < positional.size()
        ? Optional.of(positional.get(position))
        : Optional.ofNullable(named.get(parameter));
  }

  /** Whether the argument at a position or of a name was given. */
  boolean has(int position, String parameter) {
    return position < positional.size() || named.containsKey(parameter);
  }

  /** As {@link #argument(int, String)}, which must be a string. */
  String text(int position, String parameter) {
    return string(argument(position, parameter));
  }

  /** As {@link #argument(int, String, Value)}, an index or a count. */
  int index(int position, String parameter, int otherwise) {
    return Numbers.index(argument(position, parameter, Value.of(otherwise)));
  }

  /** As {@link #argument(int, String, Value)}, by its truth. */
  boolean flag(int position, String parameter) {
    return Sequences.truth(argument(position, parameter, Value.of(false)));
  }

  /** The value as a string, which it must be. */
  String string(Value value) {
    return switch (value) {
      case Str s -> s.text();
      case Undefined u -> throw u.error();
      default -> throw JinjaException.type(name + "() expected str, got " + value.type());
    };
  }

  /** The same call without its first {@code count} positional arguments. */
  Call skip(int count) {
    return new Call(run, name, positional.subList(count, positional.size()), named);
  }
}
