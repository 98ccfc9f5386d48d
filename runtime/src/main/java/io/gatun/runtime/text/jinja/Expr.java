package io.gatun.runtime.text.jinja;

import java.util.List;
import java.util.Optional;

/** An expression of a template. */
sealed interface Expr {
  /** A value written out. */
  record Literal(Value value) implements Expr {}

  /** A variable. */
  record Name(String name) implements Expr {}

  /** {@code [a, b]}. */
  record ListLiteral(List<Expr> items) implements Expr {}

  /** {@code (a, b)} or {@code a, b}. */
  record TupleLiteral(List<Expr> items) implements Expr {}

  /** {@code {a: b}}. */
  record DictLiteral(List<Pair> pairs) implements Expr {}

  /** One entry of a {@link DictLiteral}. */
  record Pair(Expr key, Expr value) {}

  /** {@code of.name}: the attribute, then the key. */
  record Attribute(Expr of, String name) implements Expr {}

  /** {@code of[key]}: the key, then the attribute. */
  record Item(Expr of, Expr key) implements Expr {}

  /** {@code of[start:stop:step]}. */
  record Slice(Expr of, Optional<Expr> start, Optional<Expr> stop, Optional<Expr> step)
      implements Expr {}

  /** {@code callee(arguments)}. */
  record Invoke(Expr callee, Arguments arguments) implements Expr {}

  /** {@code input | name(arguments)}. */
  record Filtered(Expr input, String name, Arguments arguments) implements Expr {}

  /** {@code input is name(arguments)}. */
  record Tested(Expr input, String name, Arguments arguments) implements Expr {}

  /** {@code not of}. */
  record Not(Expr of) implements Expr {}

  /** {@code -of} or {@code +of}. */
  record Signed(Expr of, boolean negative) implements Expr {}

  /** {@code left op right}, op one of {@code + - * / // % **}. */
  record Binary(String op, Expr left, Expr right) implements Expr {}

  /** {@code a and b} or {@code a or b}. */
  record Logic(boolean and, Expr left, Expr right) implements Expr {}

  /** {@code a ~ b ~ c}. */
  record Concat(List<Expr> parts) implements Expr {}

  /** {@code first op a op b}: a chain of comparisons, {@code in} and {@code not in} among them. */
  record Compare(Expr first, List<Operand> rest) implements Expr {}

  /** One step of a {@link Compare}. */
  record Operand(String op, Expr value) {}

  /** {@code then if test else otherwise}. */
  record Conditional(Expr test, Expr then, Optional<Expr> otherwise, int line) implements Expr {}

  /** The arguments of a call, a filter or a test. */
  record Arguments(List<Expr> positional, List<Named> named) {
    static final Arguments NONE = new Arguments(List.of(), List.of());
  }

  /** {@code name=value}. */
  record Named(String name, Expr value) {}
}
