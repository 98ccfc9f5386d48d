package io.gatun.runtime.text.jinja;

import java.util.List;
import java.util.Optional;

/** A statement of a template. */
sealed interface Node {
  /** Text between tags. */
  record Data(String text) implements Node {}

  /** {@code {{ value }}}. */
  record Print(Expr value) implements Node {}

  /** {@code if}, each {@code elif}, {@code else}. */
  record If(List<Branch> branches, List<Node> otherwise) implements Node {}

  /** One condition and its body. */
  record Branch(Expr test, List<Node> body) {}

  /** {@code for target in items if test recursive}. */
  record For(
      Target target,
      Expr items,
      Optional<Expr> test,
      boolean recursive,
      List<Node> body,
      List<Node> otherwise)
      implements Node {}

  /** {@code set target = value}. */
  record Set(Target target, Expr value) implements Node {}

  /** {@code set target | filters}, body, {@code endset}. */
  record SetBlock(Target target, List<Expr.Filtered> filters, List<Node> body) implements Node {}

  /** {@code macro name(parameters)}. */
  record Macro(String name, Signature signature, List<Node> body) implements Node {}

  /** {@code call(parameters) callee(arguments)}, body, {@code endcall}. */
  record CallBlock(Signature signature, Expr.Invoke call, List<Node> body) implements Node {}

  /** {@code filter name}, body, {@code endfilter}. */
  record FilterBlock(List<Expr.Filtered> filters, List<Node> body) implements Node {}

  /** {@code with name = value}, body, {@code endwith}. */
  record With(List<Expr.Named> values, List<Node> body) implements Node {}

  /** {@code generation}, body, {@code endgeneration}: the text of the assistant. */
  record Generation(List<Node> body) implements Node {}

  /** {@code break}. */
  record Break() implements Node {}

  /** {@code continue}. */
  record Continue() implements Node {}

  /** What can be assigned to. */
  sealed interface Target {
    /** A variable. */
    record Variable(String name) implements Target {}

    /** {@code namespace.attribute}. */
    record Attribute(String namespace, String attribute) implements Target {}

    /** Several targets that a sequence is spread over. */
    record Several(List<Target> targets) implements Target {}
  }

  /** The parameters of a macro, and which of Jinja's special names its body uses. */
  record Signature(List<Parameter> parameters, boolean varargs, boolean kwargs, boolean caller) {}

  /** A parameter of a macro. */
  record Parameter(String name, Optional<Expr> defaultValue) {}
}
