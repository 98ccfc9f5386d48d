package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Undefined;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** The variables of a block; what it does not have, the scope around it may. */
final class Scope {
  private final Optional<Scope> outer;
  private final Map<String, Value> variables;

  private Scope(Optional<Scope> outer, Map<String, Value> variables) {
    this.outer = outer;
    this.variables = variables;
  }

  static Scope root(Map<String, Value> variables) {
    return new Scope(Optional.empty(), variables);
  }

  Scope inner() {
    return new Scope(Optional.of(this), new HashMap<>());
  }

  void set(String name, Value value) {
    variables.put(name, value);
  }

  Value get(String name) {
    Scope scope = this;
    while (true) {
      Value value = scope.variables.get(name);
      if (value != null) {
        return value;
      }
      if (scope.outer.isEmpty()) {
        return Undefined.name(name);
      }
      scope = scope.outer.get();
    }
  }
}
