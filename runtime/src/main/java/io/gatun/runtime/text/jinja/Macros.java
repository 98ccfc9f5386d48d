package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Node.Parameter;
import io.gatun.runtime.text.jinja.Node.Signature;
import io.gatun.runtime.text.jinja.Value.Tuple;
import io.gatun.runtime.text.jinja.Value.Undefined;
import java.util.LinkedHashMap;
import java.util.List;

/** Binds the arguments of a macro call to its parameters. */
final class Macros {
  private Macros() {}

  /**
   * Sets every parameter, and {@code varargs}, {@code kwargs}, {@code caller} where the macro's
   * body uses them.
   */
  static void bind(Signature signature, Call call, Scope scope, Evaluator evaluator) {
    List<Parameter> parameters = signature.parameters();
    List<Value> positional = call.positional();
    var rest = new LinkedHashMap<>(call.named());
    for (int i = 0; i < parameters.size(); i++) {
      String name = parameters.get(i).name();
      Value value;
      if (i < positional.size()) {
        value = positional.get(i);
        if (rest.containsKey(name)) {
          throw error(call, "got multiple values for argument '" + name + "'");
        }
      } else if (rest.containsKey(name)) {
        value = rest.remove(name);
      } else {
        value =
            parameters.get(i).defaultValue().isPresent()
                ? evaluator.value(parameters.get(i).defaultValue().get(), scope)
                : Undefined.of("parameter '" + name + "' was not provided");
      }
      scope.set(name, value);
    }
    if (signature.caller()) {
      Value none = Undefined.of("No caller defined");
      scope.set("caller", rest.containsKey("caller") ? rest.remove("caller") : none);
    }
    further(signature, call, scope, rest);
  }

  private static void further(
      Signature signature, Call call, Scope scope, LinkedHashMap<String, Value> rest) {
    int parameters = signature.parameters().size();
    List<Value> positional = call.positional();
    if (signature.varargs()) {
      int from = Math.min(parameters, positional.size());
      scope.set("varargs", new Tuple(positional.subList(from, positional.size())));
    } else if (positional.size() > parameters) {
      throw error(call, "takes not more than " + parameters + " argument(s)");
    }
    if (signature.kwargs()) {
      scope.set("kwargs", Values.dict(rest));
    } else if (rest.containsKey("caller")) {
      throw error(call, "was invoked with two values for the special caller argument");
    } else if (!rest.isEmpty()) {
      throw error(call, "takes no keyword argument '" + rest.firstEntry().getKey() + "'");
    }
  }

  private static JinjaException error(Call call, String message) {
    return JinjaException.type("macro '" + call.name() + "' " + message);
  }
}
