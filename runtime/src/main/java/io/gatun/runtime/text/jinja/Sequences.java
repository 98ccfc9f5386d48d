package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Bool;
import io.gatun.runtime.text.jinja.Value.Dict;
import io.gatun.runtime.text.jinja.Value.Generator;
import io.gatun.runtime.text.jinja.Value.Int;
import io.gatun.runtime.text.jinja.Value.ListValue;
import io.gatun.runtime.text.jinja.Value.None;
import io.gatun.runtime.text.jinja.Value.Range;
import io.gatun.runtime.text.jinja.Value.Real;
import io.gatun.runtime.text.jinja.Value.Str;
import io.gatun.runtime.text.jinja.Value.Tuple;
import io.gatun.runtime.text.jinja.Value.Undefined;
import io.gatun.runtime.text.jinja.Value.View;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/** Truth, length, iteration and slices of values. */
final class Sequences {
  private Sequences() {}

  /** {@code bool(value)}. */
  static boolean truth(Value value) {
    return switch (value) {
      case None n -> false;
      case Undefined u -> false;
      case Bool b -> b.value();
      case Int i -> i.value().signum() != 0;
      case Real r -> r.value() != 0;
      default -> length(value).orElse(1) != 0;
    };
  }

  /** {@code len(value)}, empty where Python has none. */
  static OptionalInt length(Value value) {
    return switch (value) {
      case Undefined u -> OptionalInt.of(0);
      case Str s -> OptionalInt.of(Text.length(s.text()));
      case ListValue l -> OptionalInt.of(l.items().size());
      case Tuple t -> OptionalInt.of(t.items().size());
      case Dict d -> OptionalInt.of(d.entries().size());
      case View v -> OptionalInt.of(v.items().size());
      case Range r -> OptionalInt.of(r.items().size());
      default -> OptionalInt.empty();
    };
  }

  /** Whether the value may be a key of a dict: a list and a dict may not. */
  static boolean isHashable(Value value) {
    return switch (value) {
      case ListValue l -> false;
      case Dict d -> false;
      case Tuple t -> t.items().stream().allMatch(Sequences::isHashable);
      default -> true;
    };
  }

  /** Throws unless {@link #isHashable}. */
  static void requireHashable(Value value) {
    if (!isHashable(value)) {
      throw JinjaException.type("unhashable type: '" + value.type() + "'");
    }
  }

  static boolean isIterable(Value value) {
    return value instanceof Generator || length(value).isPresent();
  }

  /** The elements that iterating over the value gives; a generator is empty afterwards. */
  static List<Value> items(Value value) {
    return switch (value) {
      case Undefined u -> List.of();
      case Str s -> Text.characters(s.text());
      case ListValue l -> l.items();
      case Tuple t -> t.items();
      case Dict d -> List.copyOf(d.entries().keySet());
      case View v -> v.items();
      case Range r -> r.items();
      case Generator g -> g.drain();
      default -> throw JinjaException.type("'" + value.type() + "' object is not iterable");
    };
  }

  /** The pairs of a dict as tuples. */
  static List<Value> pairs(Dict dict) {
    var pairs = new ArrayList<Value>(dict.entries().size());
    dict.entries().forEach((key, value) -> pairs.add(new Tuple(List.of(key, value))));
    return pairs;
  }

  /** {@code value[start:stop:step]}. */
  static Value slice(Run run, Value value, Value start, Value stop, Value step) {
    if (!isBound(start) || !isBound(stop) || !isBound(step)) {
      throw JinjaException.type(
          "slice indices must be integers or None or have an __index__ method");
    }
    return switch (value) {
      case Undefined u -> throw u.error();
      case Str s -> {
        var out = new StringBuilder();
        int[] characters = s.text().codePoints().toArray();
        for (int i : indices(run, characters.length, start, stop, step)) {
          out.appendCodePoint(characters[i]);
        }
        yield run.text(out.toString());
      }
      case ListValue l -> run.list(pick(run, l.items(), start, stop, step));
      case Tuple t -> new Tuple(pick(run, t.items(), start, stop, step));
      case Range r -> run.list(pick(run, r.items(), start, stop, step));
      default -> throw JinjaException.type("'" + value.type() + "' object is not subscriptable");
    };
  }

  private static List<Value> pick(Run run, List<Value> items, Value start, Value stop, Value step) {
    var picked = new ArrayList<Value>();
    for (int i : indices(run, items.size(), start, stop, step)) {
      picked.add(items.get(i));
    }
    return picked;
  }

  private static int[] indices(Run run, int length, Value start, Value stop, Value step) {
    long by = step instanceof None ? 1 : Numbers.index(step);
    if (by == 0) {
      throw JinjaException.value("slice step cannot be zero");
    }
    long low = by > 0 ? 0 : -1;
    long high = by > 0 ? length : length - 1;
    long from =
        start instanceof None
            ? (by > 0 ? low : high)
            : clamp(Numbers.index(start), length, low, high);
    long to =
        stop instanceof None
            ? (by > 0 ? high : low)
            : clamp(Numbers.index(stop), length, low, high);
    long count = by > 0 ? (to - from + by - 1) / by : (from - to - by - 1) / -by;
    int[] indices = new int[(int) Math.max(0, count)];
    for (int i = 0; i < indices.length; i++) {
      indices[i] = (int) (from + i * by);
    }
    run.checkLength(indices.length);
    return indices;
  }

  private static boolean isBound(Value value) {
    return value instanceof None || (Numbers.isNumber(value) && !(value instanceof Real));
  }

  private static long clamp(long index, int length, long low, long high) {
    long i = index < 0 ? index + length : index;
    return Math.max(low, Math.min(high, i));
  }
}
