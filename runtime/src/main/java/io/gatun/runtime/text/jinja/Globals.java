package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Dict;
import io.gatun.runtime.text.jinja.Value.Function;
import io.gatun.runtime.text.jinja.Value.Namespace;
import io.gatun.runtime.text.jinja.Value.Range;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The functions every template finds. */
final class Globals {
  private static final int MAX_RANGE = 100_000;

  /** By name. */
  static final Map<String, Value> ALL =
      Map.of(
          "range", new Function("range", Globals::range),
          "namespace", new Function("namespace", call -> new Namespace(attributes(call))),
          "dict", new Function("dict", call -> dict(call)),
          "raise_exception", new Function("raise_exception", Globals::raise),
          "strftime_now", new Function("strftime_now", Globals::now),
          "joiner", new Function("joiner", Globals::joiner),
          "cycler", new Function("cycler", Globals::unsupported),
          "lipsum", new Function("lipsum", Globals::unsupported));

  private Globals() {}

  private static Value range(Call call) {
    boolean one = call.positional().size() == 1;
    long start = one ? 0 : call.index(0, "start", 0);
    long stop = Numbers.index(call.argument(one ? 0 : 1, "stop"));
    long step = call.index(2, "step", 1);
    if (step == 0) {
      throw JinjaException.value("range() arg 3 must not be zero");
    }
    long count = step > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step;
    if (count > MAX_RANGE) {
      throw new JinjaException(
          "OverflowError",
          "Range too big. The sandbox blocks ranges larger than MAX_RANGE (" + MAX_RANGE + ").");
    }
    var items = new ArrayList<Value>();
    for (long i = 0; i < count; i++) {
      items.add(Value.of(start + i * step));
    }
    return new Range(start, stop, step, call.run().counted(items));
  }

  private static Map<String, Value> attributes(Call call) {
    var attributes = new LinkedHashMap<String, Value>();
    dict(call).entries().forEach((key, value) -> attributes.put(Format.str(key), value));
    return attributes;
  }

  /** {@code dict(mapping or pairs, name=value …)}. */
  private static Dict dict(Call call) {
    var entries = new LinkedHashMap<Value, Value>();
    for (Value source : call.positional()) {
      if (source instanceof Dict d) {
        entries.putAll(d.entries());
        continue;
      }
      for (Value pair : Sequences.items(source)) {
        List<Value> parts = Sequences.items(pair);
        if (parts.size() != 2) {
          throw JinjaException.value("dict() needs pairs");
        }
        entries.put(parts.get(0), parts.get(1));
      }
    }
    call.named().forEach((name, value) -> entries.put(Value.of(name), value));
    return new Dict(entries);
  }

  private static Value raise(Call call) {
    Value message = call.argument(0, "message");
    throw new JinjaException("TemplateError", Format.str(message));
  }

  private static Value now(Call call) {
    return Value.of(Strftime.format(call.text(0, "format"), call.run().clock()));
  }

  /** {@code joiner(sep)}: a function that gives nothing the first time and the separator after. */
  private static Value joiner(Call call) {
    Value separator = call.argument(0, "sep", Value.of(", "));
    var used = new ArrayList<Value>();
    return new Function(
        "joiner",
        next -> {
          if (used.isEmpty()) {
            used.add(separator);
            return Value.of("");
          }
          return separator;
        });
  }

  private static Value unsupported(Call call) {
    throw JinjaException.type(call.name() + "() is not supported in chat templates");
  }
}
