package io.gatun.runtime.text.jinja;

import java.time.Clock;
import java.util.List;

/**
 * One rendering: its clock and its limits. A template that passes a limit ends with a {@link
 * JinjaException}.
 */
final class Run {
  private static final long MAX_STEPS = 8_000_000;
  private static final int MAX_DEPTH = 1000;
  private static final int MAX_TEXT = 64 << 20;
  private static final int MAX_ITEMS = 1 << 20;

  /** Characters or elements whose making counts as one step. */
  private static final int SIZE_OF_STEP = 64;

  private final Clock clock;
  private long steps;
  private int depth;

  Run(Clock clock) {
    this.clock = clock;
  }

  Clock clock() {
    return clock;
  }

  /** Counts one evaluation. */
  void step() {
    steps(1);
  }

  private void steps(long count) {
    steps += count;
    if (steps > MAX_STEPS) {
      throw JinjaException.limit("rendering took more than " + MAX_STEPS + " steps");
    }
  }

  /** Goes one level deeper, until {@link #leave}. */
  void enter() {
    if (++depth > MAX_DEPTH) {
      throw JinjaException.limit("maximum recursion depth of " + MAX_DEPTH + " exceeded");
    }
    step();
  }

  void leave() {
    depth--;
  }

  /** A new string, counted by its length. */
  Value.Str text(String s) {
    checkLength(s.length());
    steps(s.length() / SIZE_OF_STEP);
    return new Value.Str(s);
  }

  /** A new list, counted by its length. */
  Value.ListValue list(List<Value> items) {
    return new Value.ListValue(counted(items));
  }

  /** Elements that were just made, counted. */
  List<Value> counted(List<Value> items) {
    checkItems(items.size());
    steps(items.size() / SIZE_OF_STEP);
    return items;
  }

  /** {@code s * count}; a negative count gives nothing. */
  String repeat(String s, int count) {
    int times = Math.max(0, count);
    checkLength((long) s.length() * times);
    return s.repeat(times);
  }

  void checkLength(long length) {
    if (length > MAX_TEXT) {
      throw JinjaException.limit("a text of more than " + MAX_TEXT + " characters");
    }
  }

  void checkItems(long count) {
    if (count > MAX_ITEMS) {
      throw JinjaException.limit("a sequence of more than " + MAX_ITEMS + " elements");
    }
  }
}
