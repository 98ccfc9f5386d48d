package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Expr.Arguments;
import io.gatun.runtime.text.jinja.Value.Bool;
import io.gatun.runtime.text.jinja.Value.Function;
import io.gatun.runtime.text.jinja.Value.Loop;
import io.gatun.runtime.text.jinja.Value.Undefined;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The value of an expression in a scope. */
final class Evaluator {
  private final Run run;

  Evaluator(Run run) {
    this.run = run;
  }

  Value value(Expr expr, Scope scope) {
    run.enter();
    Value value =
        switch (expr) {
          case Expr.Literal e -> e.value();
          case Expr.Name e -> scope.get(e.name());
          case Expr.ListLiteral e -> run.list(values(e.items(), scope));
          case Expr.TupleLiteral e -> new Value.Tuple(values(e.items(), scope));
          case Expr.DictLiteral e -> dict(e, scope);
          case Expr.Attribute e -> Attributes.attribute(value(e.of(), scope), e.name());
          case Expr.Item e -> Attributes.item(value(e.of(), scope), value(e.key(), scope));
          case Expr.Slice e -> slice(e, scope);
          case Expr.Invoke e -> invoke(e, scope);
          case Expr.Filtered e -> filter(e, value(e.input(), scope), scope);
          case Expr.Tested e -> test(e, scope);
          case Expr.Not e -> Value.of(!truth(e.of(), scope));
          case Expr.Signed e -> signed(value(e.of(), scope), e.negative());
          case Expr.Binary e ->
              Operators.binary(run, e.op(), value(e.left(), scope), value(e.right(), scope));
          case Expr.Logic e -> logic(e, scope);
          case Expr.Concat e -> concat(e, scope);
          case Expr.Compare e -> compare(e, scope);
          case Expr.Conditional e -> conditional(e, scope);
        };
    run.leave();
    return value;
  }

  boolean truth(Expr expr, Scope scope) {
    return Sequences.truth(value(expr, scope));
  }

  private List<Value> values(List<Expr> exprs, Scope scope) {
    var values = new ArrayList<Value>(exprs.size());
    for (Expr expr : exprs) {
      values.add(value(expr, scope));
    }
    return values;
  }

  private Value dict(Expr.DictLiteral expr, Scope scope) {
    var entries = new LinkedHashMap<Value, Value>();
    for (Expr.Pair pair : expr.pairs()) {
      Value key = value(pair.key(), scope);
      Sequences.requireHashable(key);
      entries.put(key, value(pair.value(), scope));
    }
    return new Value.Dict(entries);
  }

  private Value slice(Expr.Slice expr, Scope scope) {
    Value of = value(expr.of(), scope);
    Value start = bound(expr.start(), scope);
    Value stop = bound(expr.stop(), scope);
    return Sequences.slice(run, of, start, stop, bound(expr.step(), scope));
  }

  private Value bound(Optional<Expr> expr, Scope scope) {
    return expr.isPresent() ? value(expr.get(), scope) : Value.NONE;
  }

  private Value invoke(Expr.Invoke expr, Scope scope) {
    return invoke(value(expr.callee(), scope), expr.arguments(), scope, Map.of());
  }

  /** Calls a function with the arguments written in the template and further named ones. */
  Value invoke(Value callee, Arguments arguments, Scope scope, Map<String, Value> further) {
    return switch (callee) {
      case Function f -> f.body().call(call(f.name(), arguments, scope, further));
      case Loop l -> l.state().recurse(call("loop", arguments, scope, further));
      case Undefined u -> throw u.error();
      default -> throw JinjaException.type("'" + callee.type() + "' object is not callable");
    };
  }

  private Call call(String name, Arguments arguments, Scope scope, Map<String, Value> further) {
    List<Value> positional = values(arguments.positional(), scope);
    var named = new LinkedHashMap<String, Value>();
    for (Expr.Named argument : arguments.named()) {
      named.put(argument.name(), value(argument.value(), scope));
    }
    named.putAll(further);
    return new Call(run, name, positional, named);
  }

  Value filter(Expr.Filtered expr, Value input, Scope scope) {
    Filters.Filter filter = Filters.find(expr.name());
    return filter.apply(input, call(expr.name(), expr.arguments(), scope, Map.of()));
  }

  private Value test(Expr.Tested expr, Scope scope) {
    Tests.Test test = Tests.find(expr.name());
    Value input = value(expr.input(), scope);
    Call call = call(expr.name(), expr.arguments(), scope, Map.of());
    return Value.of(test.holds(input, call));
  }

  private static Value signed(Value value, boolean negative) {
    if (value instanceof Undefined u) {
      throw u.error();
    }
    if (!Numbers.isNumber(value)) {
      throw JinjaException.type(
          "bad operand type for unary " + (negative ? "-" : "+") + ": '" + value.type() + "'");
    }
    Value opposite = Numbers.negate(value);
    return negative ? opposite : Numbers.negate(opposite);
  }

  private Value logic(Expr.Logic expr, Scope scope) {
    Value left = value(expr.left(), scope);
    return Sequences.truth(left) == expr.and() ? value(expr.right(), scope) : left;
  }

  private Value concat(Expr.Concat expr, Scope scope) {
    var out = new Output(run);
    for (Expr part : expr.parts()) {
      out.write(Format.str(value(part, scope)));
    }
    return run.text(out.text());
  }

  private Bool compare(Expr.Compare expr, Scope scope) {
    Value left = value(expr.first(), scope);
    for (Expr.Operand operand : expr.rest()) {
      Value right = value(operand.value(), scope);
      if (!Operators.compare(operand.op(), left, right)) {
        return Value.of(false);
      }
      left = right;
    }
    return Value.of(true);
  }

  private Value conditional(Expr.Conditional expr, Scope scope) {
    if (truth(expr.test(), scope)) {
      return value(expr.then(), scope);
    }
    return expr.otherwise().isPresent()
        ? value(expr.otherwise().get(), scope)
        : Undefined.of(
            "the inline if-expression on line "
                + expr.line()
                + " evaluated to false and no else section was defined.");
  }
}
