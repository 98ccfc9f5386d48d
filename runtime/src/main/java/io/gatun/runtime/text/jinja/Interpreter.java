package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Node.Signature;
import io.gatun.runtime.text.jinja.Node.Target;
import io.gatun.runtime.text.jinja.Value.Function;
import io.gatun.runtime.text.jinja.Value.Loop;
import io.gatun.runtime.text.jinja.Value.Namespace;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Runs statements: what they write goes to an {@link Output}, what they set into a {@link Scope}.
 */
final class Interpreter {
  /** How a body ended. */
  private enum Flow {
    NEXT,
    BREAK,
    CONTINUE
  }

  private final Run run;
  private final Evaluator evaluator;

  Interpreter(Run run) {
    this.run = run;
    evaluator = new Evaluator(run);
  }

  /** Runs a body that no loop control leaves. */
  void run(List<Node> body, Scope scope, Output out) {
    flow(body, scope, out);
  }

  private Flow flow(List<Node> body, Scope scope, Output out) {
    run.enter();
    Flow flow = Flow.NEXT;
    for (int i = 0; i < body.size() && flow == Flow.NEXT; i++) {
      flow = flow(body.get(i), scope, out);
    }
    run.leave();
    return flow;
  }

  private Flow flow(Node node, Scope scope, Output out) {
    run.step();
    switch (node) {
      case Node.Data n -> out.write(n.text());
      case Node.Print n -> out.write(Format.str(evaluator.value(n.value(), scope)));
      case Node.If n -> {
        return choose(n, scope, out);
      }
      case Node.For n -> loop(n, evaluator.value(n.items(), scope), scope, out, 1);
      case Node.Set n -> assign(n.target(), evaluator.value(n.value(), scope), scope);
      case Node.SetBlock n -> assign(n.target(), filtered(n.filters(), n.body(), scope), scope);
      case Node.Macro n -> scope.set(n.name(), macro(n.name(), n.signature(), n.body(), scope));
      case Node.CallBlock n -> call(n, scope, out);
      case Node.FilterBlock n -> out.write(Format.str(filtered(n.filters(), n.body(), scope)));
      case Node.With n -> {
        return with(n, scope, out);
      }
      case Node.Generation n -> {
        int start = out.length();
        run(n.body(), scope.inner(), out);
        out.generated(start);
      }
      case Node.Break n -> {
        return Flow.BREAK;
      }
      case Node.Continue n -> {
        return Flow.CONTINUE;
      }
    }
    return Flow.NEXT;
  }

  private Flow choose(Node.If node, Scope scope, Output out) {
    for (Node.Branch branch : node.branches()) {
      if (evaluator.truth(branch.test(), scope)) {
        return flow(branch.body(), scope, out);
      }
    }
    return flow(node.otherwise(), scope, out);
  }

  private void loop(Node.For node, Value value, Scope scope, Output out, int depth) {
    List<Value> items = wanted(node, Sequences.items(value), scope);
    if (items.isEmpty()) {
      run(node.otherwise(), scope.inner(), out);
      return;
    }
    Function.Body again =
        call -> {
          var text = new Output(run);
          loop(node, call.argument(0, "iterable"), scope, text, depth + 1);
          return run.text(text.text());
        };
    var state =
        new LoopState(items, depth, node.recursive() ? Optional.of(again) : Optional.empty());
    for (int i = 0; i < items.size(); i++) {
      run.step();
      state.at(i);
      Scope inner = scope.inner();
      inner.set("loop", new Loop(state));
      assign(node.target(), items.get(i), inner);
      if (flow(node.body(), inner, out) == Flow.BREAK) {
        return;
      }
    }
  }

  /** The items that the loop's own {@code if} lets through. */
  private List<Value> wanted(Node.For node, List<Value> items, Scope scope) {
    if (node.test().isEmpty()) {
      return items;
    }
    var wanted = new ArrayList<Value>();
    for (Value item : items) {
      Scope inner = scope.inner();
      assign(node.target(), item, inner);
      if (evaluator.truth(node.test().get(), inner)) {
        wanted.add(item);
      }
    }
    return wanted;
  }

  private void assign(Target target, Value value, Scope scope) {
    switch (target) {
      case Target.Variable t -> scope.set(t.name(), value);
      case Target.Attribute t -> {
        if (!(scope.get(t.namespace()) instanceof Namespace namespace)) {
          throw new JinjaException(
              "TemplateRuntimeError", "cannot assign attribute on non-namespace object");
        }
        namespace.attributes.put(t.attribute(), value);
      }
      case Target.Several t -> {
        List<Value> values = Sequences.items(value);
        int expected = t.targets().size();
        if (values.size() != expected) {
          throw JinjaException.value(
              values.size() < expected
                  ? "not enough values to unpack (expected %d, got %d)"
                      .formatted(expected, values.size())
                  : "too many values to unpack (expected %d)".formatted(expected));
        }
        for (int i = 0; i < expected; i++) {
          assign(t.targets().get(i), values.get(i), scope);
        }
      }
    }
  }

  private String rendered(List<Node> body, Scope scope) {
    var text = new Output(run);
    run(body, scope, text);
    return text.text();
  }

  private Value filtered(List<Expr.Filtered> filters, List<Node> body, Scope scope) {
    Scope inner = scope.inner();
    Value value = run.text(rendered(body, inner));
    for (Expr.Filtered filter : filters) {
      value = evaluator.filter(filter, value, inner);
    }
    return value;
  }

  private Flow with(Node.With node, Scope scope, Output out) {
    Scope inner = scope.inner();
    for (Expr.Named named : node.values()) {
      inner.set(named.name(), evaluator.value(named.value(), scope));
    }
    return flow(node.body(), inner, out);
  }

  private Function macro(String name, Signature signature, List<Node> body, Scope scope) {
    return new Function(
        name,
        call -> {
          Scope inner = scope.inner();
          Macros.bind(signature, call, inner, evaluator);
          return run.text(rendered(body, inner));
        });
  }

  private void call(Node.CallBlock node, Scope scope, Output out) {
    Function caller = macro("caller", node.signature(), node.body(), scope);
    Value callee = evaluator.value(node.call().callee(), scope);
    Map<String, Value> further = Map.of("caller", caller);
    Value text = evaluator.invoke(callee, node.call().arguments(), scope, further);
    out.write(Format.str(text));
  }
}
