package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Expr.Arguments;
import io.gatun.runtime.text.jinja.Expr.Named;
import io.gatun.runtime.text.jinja.Expr.Operand;
import io.gatun.runtime.text.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/** Jinja's expression grammar, one method a level of precedence, loosest first. */
final class ExpressionParser {
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

  private final TokenStream tokens;
  private final OperandParser operands;

  ExpressionParser(TokenStream tokens) {
    this.tokens = tokens;
    operands = new OperandParser(tokens, this);
  }

  /** The names of all variables seen so far, in order; a macro looks for its special names here. */
  List<String> names() {
    return operands.names();
  }

  /** {@code a if b else c} and everything tighter. */
  Expr expression() {
    tokens.enter();
    Expr value = or();
    while (tokens.isName("if")) {
      int line = tokens.next().line();
      Expr test = or();
      Optional<Expr> otherwise =
          tokens.skipName("else") ? Optional.of(expression()) : Optional.empty();
      value = new Expr.Conditional(test, value, otherwise, line);
    }
    tokens.leave();
    return value;
  }

  /** An expression or a tuple without parentheses. */
  Expr tuple() {
    return tuple(this::expression, false);
  }

  /** As {@link #tuple()}, where an {@code if} that follows is not part of it. */
  Expr tupleWithoutIf() {
    return tuple(this::or, false);
  }

  Expr tuple(Supplier<Expr> element, boolean parenthesized) {
    var items = new ArrayList<Expr>();
    boolean comma = false;
    while (!endsTuple()) {
      items.add(element.get());
      if (!tokens.skipOperator(",")) {
        break;
      }
      comma = true;
    }
    if (!comma && items.size() == 1) {
      return items.getFirst();
    }
    if (items.isEmpty() && !parenthesized) {
      throw tokens.fail("Expected an expression, got " + tokens.current().words());
    }
    return new Expr.TupleLiteral(items);
  }

  private boolean endsTuple() {
    Token token = tokens.current();
    return token.is(Kind.PRINT_END) || token.is(Kind.BLOCK_END) || token.isOperator(")");
  }

  Expr or() {
    Expr left = and();
    while (tokens.skipName("or")) {
      left = new Expr.Logic(false, left, and());
    }
    return left;
  }

  private Expr and() {
    Expr left = not();
    while (tokens.skipName("and")) {
      left = new Expr.Logic(true, left, not());
    }
    return left;
  }

  private Expr not() {
    if (!tokens.skipName("not")) {
      return compare();
    }
    tokens.enter();
    Expr of = not();
    tokens.leave();
    return new Expr.Not(of);
  }

  private Expr compare() {
    Expr first = sum();
    var rest = new ArrayList<Operand>();
    while (true) {
      Token token = tokens.current();
      if (token.is(Kind.OPERATOR) && COMPARISONS.contains(token.text())) {
        rest.add(new Operand(tokens.next().text(), sum()));
      } else if (tokens.skipName("in")) {
        rest.add(new Operand("in", sum()));
      } else if (token.isName("not") && tokens.ahead().isName("in")) {
        tokens.next();
        tokens.next();
        rest.add(new Operand("not in", sum()));
      } else {
        return rest.isEmpty() ? first : new Expr.Compare(first, rest);
      }
    }
  }

  private Expr sum() {
    Expr left = concat();
    while (tokens.isOperator("+") || tokens.isOperator("-")) {
      left = new Expr.Binary(tokens.next().text(), left, concat());
    }
    return left;
  }

  private Expr concat() {
    Expr first = product();
    if (!tokens.isOperator("~")) {
      return first;
    }
    var parts = new ArrayList<Expr>(List.of(first));
    while (tokens.skipOperator("~")) {
      parts.add(product());
    }
    return new Expr.Concat(parts);
  }

  private Expr product() {
    Expr left = power();
    while (tokens.isOperator("*")
        || tokens.isOperator("/")
        || tokens.isOperator("//")
        || tokens.isOperator("%")) {
      left = new Expr.Binary(tokens.next().text(), left, power());
    }
    return left;
  }

  private Expr power() {
    Expr left = unary(true);
    while (tokens.skipOperator("**")) {
      left = new Expr.Binary("**", left, unary(true));
    }
    return left;
  }

  private Expr unary(boolean filters) {
    Expr value;
    if (tokens.isOperator("-") || tokens.isOperator("+")) {
      tokens.enter();
      boolean negative = tokens.next().text().equals("-");
      value = new Expr.Signed(unary(false), negative);
      tokens.leave();
    } else {
      value = operands.primary();
    }
    value = operands.postfix(value);
    return filters ? operands.filters(value) : value;
  }

  /** One filter of a {@code set} or {@code filter} block, whose input is the block's text. */
  Expr.Filtered filter() {
    return operands.filter(new Expr.Literal(Value.of("")));
  }

  /** A call's arguments, from {@code (} to {@code )}. */
  Arguments arguments() {
    tokens.expectOperator("(");
    var positional = new ArrayList<Expr>();
    var named = new ArrayList<Named>();
    while (!tokens.isOperator(")")) {
      if (tokens.isOperator("*") || tokens.isOperator("**")) {
        throw tokens.fail("arguments spread with '*' or '**' are not supported");
      }
      if (tokens.current().is(Kind.NAME) && tokens.ahead().isOperator("=")) {
        String name = tokens.next().text();
        tokens.next();
        named.add(new Named(name, expression()));
      } else if (named.isEmpty()) {
        positional.add(expression());
      } else {
        throw tokens.fail("invalid syntax for function call expression");
      }
      if (!tokens.skipOperator(",")) {
        break;
      }
    }
    tokens.expectOperator(")");
    return new Arguments(positional, named);
  }
}
