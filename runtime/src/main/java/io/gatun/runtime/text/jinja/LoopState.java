package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Value.Function;
import io.gatun.runtime.text.jinja.Value.Undefined;
import java.util.List;
import java.util.Optional;

/** Where a loop is; what the {@code loop} variable shows. */
final class LoopState {
  private final List<Value> items;
  private final int depth;
  private final Optional<Function.Body> recursion;
  private int index;
  private Optional<List<Value>> lastChecked = Optional.empty();

  LoopState(List<Value> items, int depth, Optional<Function.Body> recursion) {
    this.items = items;
    this.depth = depth;
    this.recursion = recursion;
  }

  /** {@code loop(items)}: the same loop over other items, where the loop is recursive. */
  Value recurse(Call call) {
    return recursion
        .orElseThrow(() ->
            JinjaException.type(
                "The loop must have the 'recursive' marker to be called recursively."))
        .call(call);
  }

  /** Goes to the item at {@code index}, from 0. */
  void at(int index) {
    this.index = index;
  }

  Optional<Value> attribute(String name) {
    return switch (name) {
      case "index" -> Optional.of(Value.of(index + 1));
      case "index0" -> Optional.of(Value.of(index));
      case "revindex" -> Optional.of(Value.of(items.size() - index));
      case "revindex0" -> Optional.of(Value.of(items.size() - index - 1));
      case "first" -> Optional.of(Value.of(index == 0));
      case "last" -> Optional.of(Value.of(index == items.size() - 1));
      case "length" -> Optional.of(Value.of(items.size()));
      case "depth" -> Optional.of(Value.of(depth));
      case "depth0" -> Optional.of(Value.of(depth - 1));
      case "previtem" -> Optional.of(index > 0 ? items.get(index - 1) : outside("previous"));
      case "nextitem" ->
          Optional.of(index < items.size() - 1 ? items.get(index + 1) : outside("next"));
      case "cycle" -> Optional.of(new Function("cycle", this::cycle));
      case "changed" -> Optional.of(new Function("changed", this::changed));
      default -> Optional.empty();
    };
  }

  private static Undefined outside(String which) {
    return Undefined.of("there is no " + which + " item");
  }

  private Value cycle(Call call) {
    if (call.positional().isEmpty()) {
      throw JinjaException.type("no items for cycling given");
    }
    return call.positional().get(index % call.positional().size());
  }

  private Value changed(Call call) {
    boolean changed = !lastChecked.equals(Optional.of(call.positional()));
    lastChecked = Optional.of(call.positional());
    return Value.of(changed);
  }

  @Override
  public String toString() {
    return "<LoopContext " + (index + 1) + "/" + items.size() + ">";
  }
}
