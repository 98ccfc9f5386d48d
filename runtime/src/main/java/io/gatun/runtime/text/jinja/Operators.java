package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Dict;
import io.gatun.runtime.text.jinja.Value.Int;
import io.gatun.runtime.text.jinja.Value.ListValue;
import io.gatun.runtime.text.jinja.Value.None;
import io.gatun.runtime.text.jinja.Value.Real;
import io.gatun.runtime.text.jinja.Value.Str;
import io.gatun.runtime.text.jinja.Value.Tuple;
import io.gatun.runtime.text.jinja.Value.Undefined;
import java.util.ArrayList;
import java.util.List;

/** Python's binary operators on values. */
final class Operators {
  private Operators() {}

  /** {@code a op b} for one of {@code + - * / // % **}. */
  static Value binary(Run run, String op, Value a, Value b) {
    if (op.equals("%") && a instanceof Str format) {
      return run.text(Printf.format(run, format.text(), b));
    }
    if (a instanceof Undefined u) {
      throw u.error();
    }
    if (b instanceof Undefined u) {
      throw u.error();
    }
    if (Numbers.isNumber(a) && Numbers.isNumber(b)) {
      return Numbers.apply(op, a, b);
    }
    return switch (op) {
      case "+" -> plus(run, a, b);
      case "*" -> a instanceof Int || a instanceof Value.Bool ? times(run, b, a) : times(run, a, b);
      default -> throw unsupported(op, a, b);
    };
  }

  private static Value plus(Run run, Value a, Value b) {
    if (a instanceof Str x && b instanceof Str y) {
      run.checkLength((long) x.text().length() + y.text().length());
      return run.text(x.text() + y.text());
    }
    if (a instanceof ListValue x && b instanceof ListValue y) {
      return run.list(joined(run, x.items(), y.items()));
    }
    if (a instanceof Tuple x && b instanceof Tuple y) {
      return new Tuple(run.counted(joined(run, x.items(), y.items())));
    }
    String left = a.type();
    if (a instanceof Str || a instanceof ListValue || a instanceof Tuple) {
      throw JinjaException.type(
          "can only concatenate " + left + " (not \"" + b.type() + "\") to " + left);
    }
    throw unsupported("+", a, b);
  }

  private static List<Value> joined(Run run, List<Value> a, List<Value> b) {
    run.checkItems((long) a.size() + b.size());
    var items = new ArrayList<Value>(a.size() + b.size());
    items.addAll(a);
    items.addAll(b);
    return items;
  }

  private static Value times(Run run, Value a, Value count) {
    if (!Numbers.isNumber(count) || count instanceof Real) {
      throw unsupported("*", a, count);
    }
    return switch (a) {
      case Str s -> run.text(run.repeat(s.text(), Numbers.index(count)));
      case ListValue l -> run.list(repeated(run, l.items(), Numbers.index(count)));
      case Tuple t -> new Tuple(run.counted(repeated(run, t.items(), Numbers.index(count))));
      default -> throw unsupported("*", a, count);
    };
  }

  private static List<Value> repeated(Run run, List<Value> items, int count) {
    run.checkItems((long) items.size() * Math.max(0, count));
    var out = new ArrayList<Value>();
    for (int i = 0; i < count && !items.isEmpty(); i++) {
      out.addAll(items);
    }
    return out;
  }

  private static JinjaException unsupported(String op, Value a, Value b) {
    String name = op.equals("**") ? "** or pow()" : op;
    return JinjaException.type(
        "unsupported operand type(s) for " + name + ": '" + a.type() + "' and '" + b.type() + "'");
  }

  /** {@code a op b} for a comparison, {@code in} or {@code not in}. */
  static boolean compare(String op, Value a, Value b) {
    return switch (op) {
      case "==" -> equal(a, b);
      case "!=" -> !equal(a, b);
      case "in" -> contains(b, a);
      case "not in" -> !contains(b, a);
      case "<" -> order(op, a, b) < 0;
      case "<=" -> order(op, a, b) <= 0;
      case ">" -> order(op, a, b) > 0;
      default -> order(op, a, b) >= 0;
    };
  }

  static boolean equal(Value a, Value b) {
    return a.equals(b) && !(a instanceof Real r && Double.isNaN(r.value()));
  }

  /** The order of {@code sort}, {@code min} and {@code max}. */
  static int order(Value a, Value b) {
    return order("<", a, b);
  }

  private static int order(String op, Value a, Value b) {
    if (a instanceof Undefined u) {
      throw u.error();
    }
    if (b instanceof Undefined u) {
      throw u.error();
    }
    if (Numbers.isNumber(a) && Numbers.isNumber(b)) {
      return Numbers.compare(a, b);
    }
    if (a instanceof Str x && b instanceof Str y) {
      return Text.compare(x.text(), y.text());
    }
    if (a instanceof ListValue x && b instanceof ListValue y) {
      return order(op, x.items(), y.items());
    }
    if (a instanceof Tuple x && b instanceof Tuple y) {
      return order(op, x.items(), y.items());
    }
    throw JinjaException.type(
        "'%s' not supported between instances of '%s' and '%s'".formatted(op, a.type(), b.type()));
  }

  private static int order(String op, List<Value> a, List<Value> b) {
    for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
      if (!equal(a.get(i), b.get(i))) {
        return order(op, a.get(i), b.get(i));
      }
    }
    return Integer.compare(a.size(), b.size());
  }

  /** {@code element in container}. */
  static boolean contains(Value container, Value element) {
    return switch (container) {
      case Str s -> {
        if (element instanceof Str e) {
          yield s.text().contains(e.text());
        }
        throw JinjaException.type(
            "'in <string>' requires string as left operand, not " + element.type());
      }
      case Dict d -> {
        Sequences.requireHashable(element);
        yield d.entries().containsKey(element);
      }
      case None n -> throw notIterable(n);
      default -> {
        if (!Sequences.isIterable(container)) {
          throw notIterable(container);
        }
        yield Sequences.items(container).contains(element);
      }
    };
  }

  private static JinjaException notIterable(Value container) {
    return JinjaException.type("argument of type '" + container.type() + "' is not iterable");
  }
}
