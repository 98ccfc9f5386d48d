package io.gatun.runtime.text.jinja;

import static java.util.Map.entry;

import io.gatun.runtime.text.jinja.Filters.Filter;
import io.gatun.runtime.text.jinja.Value.Dict;
import io.gatun.runtime.text.jinja.Value.Generator;
import io.gatun.runtime.text.jinja.Value.None;
import io.gatun.runtime.text.jinja.Value.Str;
import io.gatun.runtime.text.jinja.Value.Tuple;
import io.gatun.runtime.text.jinja.Value.Undefined;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** Jinja's filters on sequences. */
final class SequenceFilters {
  static final Map<String, Filter> ALL =
      Map.ofEntries(
          entry("list", (v, c) -> c.run().list(Sequences.items(v))),
          entry("first", SequenceFilters::first),
          entry("last", SequenceFilters::last),
          entry("join", SequenceFilters::join),
          entry("map", SequenceFilters::map),
          entry("select", (v, c) -> choose(v, c, false, true)),
          entry("reject", (v, c) -> choose(v, c, false, false)),
          entry("selectattr", (v, c) -> choose(v, c, true, true)),
          entry("rejectattr", (v, c) -> choose(v, c, true, false)),
          entry("reverse", SequenceFilters::reverse),
          entry("sort", SequenceFilters::sort),
          entry("unique", SequenceFilters::unique),
          entry("min", (v, c) -> extreme(v, c, -1)),
          entry("max", (v, c) -> extreme(v, c, 1)),
          entry("sum", SequenceFilters::sum),
          entry("dictsort", SequenceFilters::dictsort),
          entry("groupby", SequenceFilters::groupby),
          entry("batch", SequenceFilters::batch));

  private SequenceFilters() {}

  private static Value first(Value input, Call call) {
    Undefined none = Undefined.of("No first item, sequence was empty.");
    if (input instanceof Generator g) {
      return g.next(none);
    }
    List<Value> items = Sequences.items(input);
    return items.isEmpty() ? none : items.getFirst();
  }

  private static Value last(Value input, Call call) {
    if (input instanceof Generator) {
      throw JinjaException.type("'generator' object is not reversible");
    }
    List<Value> items = Sequences.items(input);
    return items.isEmpty() ? Undefined.of("No last item, sequence was empty.") : items.getLast();
  }

  private static Value join(Value input, Call call) {
    String separator = Format.str(call.argument(0, "d", Value.of("")));
    UnaryOperator<Value> part = attribute(call, 1, "attribute");
    var out = new StringBuilder();
    boolean first = true;
    for (Value item : Sequences.items(input)) {
      String text = Format.str(part.apply(item));
      call.run().checkLength((long) out.length() + separator.length() + text.length());
      out.append(first ? "" : separator).append(text);
      first = false;
    }
    return call.run().text(out.toString());
  }

  /** What to take of each item: the attribute that the argument names, or the item itself. */
  private static UnaryOperator<Value> attribute(Call call, int position, String parameter) {
    Value path = call.argument(position, parameter, Value.NONE);
    return path instanceof None ? item -> item : item -> follow(item, path);
  }

  /** {@code item[a][b]} for the path {@code "a.b"}; digits are indices. */
  private static Value follow(Value item, Value path) {
    if (!(path instanceof Str s)) {
      return Attributes.item(item, path);
    }
    Value value = item;
    for (String step : s.text().split("\\.", -1)) {
      boolean index = step.matches("\\d{1,9}");
      value = Attributes.item(value, index ? Value.of(Long.parseLong(step)) : Value.of(step));
    }
    return value;
  }

  private static Value map(Value input, Call call) {
    UnaryOperator<Value> function;
    if (call.positional().isEmpty() && call.named().containsKey("attribute")) {
      UnaryOperator<Value> path = attribute(call, 0, "attribute");
      Value otherwise = call.argument(1, "default", Value.NONE);
      function =
          item -> {
            Value value = path.apply(item);
            return value instanceof Undefined && !(otherwise instanceof None) ? otherwise : value;
          };
    } else {
      Filter filter = Filters.find(call.text(0, "filter"));
      Call rest = call.skip(1);
      function = item -> filter.apply(item, rest);
    }
    return new Generator(each(input, call, function));
  }

  /** What is false counts as empty here, whatever it is. */
  private static List<Value> itemsIfAny(Value input) {
    return Sequences.truth(input) ? Sequences.items(input) : List.of();
  }

  private static List<Value> each(Value input, Call call, UnaryOperator<Value> function) {
    var out = new ArrayList<Value>();
    for (Value item : itemsIfAny(input)) {
      call.run().step();
      out.add(function.apply(item));
    }
    return out;
  }

  private static Value choose(Value input, Call call, boolean byAttribute, boolean keep) {
    int skip = byAttribute ? 1 : 0;
    UnaryOperator<Value> part = byAttribute ? attribute(call, 0, "attribute") : item -> item;
    if (byAttribute) {
      call.argument(0, "attribute");
    }
    var kept = new ArrayList<Value>();
    boolean tested = call.positional().size() > skip;
    Tests.Test test =
        tested
            ? Tests.find(call.string(call.positional().get(skip)))
            : (v, c) -> Sequences.truth(v);
    Call rest = tested ? call.skip(skip + 1) : call;
    for (Value item : itemsIfAny(input)) {
      call.run().step();
      if (test.holds(part.apply(item), rest) == keep) {
        kept.add(item);
      }
    }
    return new Generator(kept);
  }

  private static Value reverse(Value input, Call call) {
    if (input instanceof Str s) {
      return call.run().text(new StringBuilder(s.text()).reverse().toString());
    }
    return new Generator(Sequences.items(input).reversed());
  }

  /** Strings compare in lower case unless {@code case_sensitive}. */
  private static UnaryOperator<Value> key(Call call, int caseAt, int attributeAt) {
    UnaryOperator<Value> part = attribute(call, attributeAt, "attribute");
    boolean caseSensitive = call.flag(caseAt, "case_sensitive");
    return item -> {
      Value value = part.apply(item);
      return value instanceof Str s && !caseSensitive ? Value.of(Text.lower(s.text())) : value;
    };
  }

  private static List<Value> sorted(
      Call call, List<Value> items, UnaryOperator<Value> key, boolean reverse) {
    record Keyed(Value key, Value item) {}
    var keyed = new ArrayList<Keyed>();
    items.forEach(item -> keyed.add(new Keyed(key.apply(item), item)));
    Comparator<Keyed> order =
        (a, b) -> {
          call.run().step();
          return Operators.order(a.key(), b.key());
        };
    keyed.sort(reverse ? order.reversed() : order);
    return keyed.stream().map(Keyed::item).toList();
  }

  private static Value sort(Value input, Call call) {
    UnaryOperator<Value> key = key(call, 1, 2);
    return call.run().list(sorted(call, Sequences.items(input), key, call.flag(0, "reverse")));
  }

  private static Value dictsort(Value input, Call call) {
    if (!(input instanceof Dict dict)) {
      throw JinjaException.type("dictsort needs a mapping, not '" + input.type() + "'");
    }
    int position = Format.str(call.argument(1, "by", Value.of("key"))).equals("value") ? 1 : 0;
    boolean caseSensitive = call.flag(0, "case_sensitive");
    UnaryOperator<Value> key =
        pair -> {
          Value value = ((Tuple) pair).items().get(position);
          return value instanceof Str s && !caseSensitive ? Value.of(Text.lower(s.text())) : value;
        };
    return call.run().list(sorted(call, Sequences.pairs(dict), key, call.flag(2, "reverse")));
  }

  private static Value unique(Value input, Call call) {
    UnaryOperator<Value> key = key(call, 0, 1);
    var seen = new LinkedHashSet<Value>();
    var out = new ArrayList<Value>();
    for (Value item : Sequences.items(input)) {
      Value of = key.apply(item);
      Sequences.requireHashable(of);
      if (seen.add(of)) {
        out.add(item);
      }
    }
    return new Generator(out);
  }

  private static Value extreme(Value input, Call call, int sign) {
    UnaryOperator<Value> key = key(call, 0, 1);
    List<Value> items = Sequences.items(input);
    if (items.isEmpty()) {
      return Undefined.of("No aggregated item, sequence was empty.");
    }
    Value best = items.getFirst();
    for (Value item : items.subList(1, items.size())) {
      if (sign * Operators.order(key.apply(item), key.apply(best)) > 0) {
        best = item;
      }
    }
    return best;
  }

  private static Value sum(Value input, Call call) {
    UnaryOperator<Value> part = attribute(call, 0, "attribute");
    Value total = call.argument(1, "start", Value.of(0));
    for (Value item : Sequences.items(input)) {
      total = Operators.binary(call.run(), "+", total, part.apply(item));
    }
    return total;
  }

  private static Value groupby(Value input, Call call) {
    call.argument(0, "attribute");
    UnaryOperator<Value> key = attribute(call, 0, "attribute");
    UnaryOperator<Value> sortKey = key(call, 2, 0);
    var groups = new LinkedHashMap<Value, List<Value>>();
    for (Value item : sorted(call, Sequences.items(input), sortKey, false)) {
      groups.computeIfAbsent(sortKey.apply(item), k -> new ArrayList<>()).add(item);
    }
    var out = new ArrayList<Value>();
    for (List<Value> items : groups.values()) {
      out.add(new Tuple(List.of(key.apply(items.getFirst()), new Value.ListValue(items))));
    }
    return call.run().list(out);
  }

  private static Value batch(Value input, Call call) {
    int size = Math.max(1, Numbers.index(call.argument(0, "linecount")));
    List<Value> items = Sequences.items(input);
    var out = new ArrayList<Value>();
    for (int i = 0; i < items.size(); i += size) {
      var row = new ArrayList<>(items.subList(i, Math.min(items.size(), i + size)));
      Value fill = call.argument(1, "fill_with", Value.NONE);
      call.run().checkItems(size);
      while (row.size() < size && !(fill instanceof None)) {
        row.add(fill);
      }
      out.add(new Value.ListValue(row));
    }
    return new Generator(out);
  }
}
