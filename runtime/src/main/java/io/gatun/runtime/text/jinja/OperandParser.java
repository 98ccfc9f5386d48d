package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Expr.Arguments;
import io.gatun.runtime.text.jinja.Token.Kind;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What stands between operators: literals, names, and the attributes, calls, filters and tests that
 * follow them.
 */
final class OperandParser {
  private static final int MAX_DIGITS = 4300;

  private final TokenStream tokens;
  private final ExpressionParser expressions;
  private final List<String> names = new ArrayList<>();

  OperandParser(TokenStream tokens, ExpressionParser expressions) {
    this.tokens = tokens;
    this.expressions = expressions;
  }

  List<String> names() {
    return names;
  }

  Expr primary() {
    Token token = tokens.current();
    return switch (token.kind()) {
      case NAME -> name(tokens.next().text());
      case STRING -> string();
      case INTEGER -> new Expr.Literal(new Value.Int(integer(tokens.next().text())));
      case FLOAT -> new Expr.Literal(new Value.Real(Double.parseDouble(tokens.next().text())));
      default -> {
        if (tokens.skipOperator("(")) {
          Expr inner = expressions.tuple(expressions::expression, true);
          tokens.expectOperator(")");
          yield inner;
        }
        if (tokens.skipOperator("[")) {
          yield list();
        }
        if (tokens.skipOperator("{")) {
          yield dict();
        }
        throw token.is(Kind.EOF)
            ? tokens.expected("an expression")
            : tokens.fail("unexpected " + token.words());
      }
    };
  }

  private Expr name(String name) {
    return switch (name) {
      case "true", "True" -> new Expr.Literal(Value.of(true));
      case "false", "False" -> new Expr.Literal(Value.of(false));
      case "none", "None" -> new Expr.Literal(Value.NONE);
      default -> {
        names.add(name);
        yield new Expr.Name(name);
      }
    };
  }

  private Expr string() {
    var text = new StringBuilder();
    while (tokens.current().is(Kind.STRING)) {
      text.append(tokens.next().text());
    }
    return new Expr.Literal(Value.of(text.toString()));
  }

  private BigInteger integer(String digits) {
    if (digits.length() > MAX_DIGITS) {
      throw tokens.fail("an integer of more than " + MAX_DIGITS + " digits");
    }
    int radix =
        switch (digits.length() > 1 ? digits.charAt(1) : '0') {
          case 'b', 'B' -> 2;
          case 'o', 'O' -> 8;
          case 'x', 'X' -> 16;
          default -> 10;
        };
    return new BigInteger(radix == 10 ? digits : digits.substring(2), radix);
  }

  private Expr list() {
    var items = new ArrayList<Expr>();
    while (!tokens.isOperator("]")) {
      items.add(expressions.expression());
      if (!tokens.skipOperator(",")) {
        break;
      }
    }
    tokens.expectOperator("]");
    return new Expr.ListLiteral(items);
  }

  private Expr dict() {
    var pairs = new ArrayList<Expr.Pair>();
    while (!tokens.isOperator("}")) {
      Expr key = expressions.expression();
      tokens.expectOperator(":");
      pairs.add(new Expr.Pair(key, expressions.expression()));
      if (!tokens.skipOperator(",")) {
        break;
      }
    }
    tokens.expectOperator("}");
    return new Expr.DictLiteral(pairs);
  }

  /** Attributes, items and calls. */
  Expr postfix(Expr operand) {
    Expr value = operand;
    while (true) {
      if (tokens.skipOperator(".")) {
        value = attribute(value);
      } else if (tokens.skipOperator("[")) {
        value = subscript(value);
      } else if (tokens.isOperator("(")) {
        value = new Expr.Invoke(value, expressions.arguments());
      } else {
        return value;
      }
    }
  }

  private Expr attribute(Expr of) {
    if (tokens.current().is(Kind.INTEGER)) {
      return new Expr.Item(of, new Expr.Literal(new Value.Int(integer(tokens.next().text()))));
    }
    if (!tokens.current().is(Kind.NAME)) {
      throw tokens.fail("expected name or number");
    }
    return new Expr.Attribute(of, tokens.next().text());
  }

  private Expr subscript(Expr of) {
    Optional<Expr> start = bound();
    if (start.isPresent() && !tokens.isOperator(":")) {
      var keys = new ArrayList<Expr>(List.of(start.get()));
      while (tokens.skipOperator(",")) {
        keys.add(expressions.expression());
      }
      tokens.expectOperator("]");
      return new Expr.Item(of, keys.size() == 1 ? keys.getFirst() : new Expr.TupleLiteral(keys));
    }
    tokens.expectOperator(":");
    Optional<Expr> stop = bound();
    Optional<Expr> step = tokens.skipOperator(":") ? bound() : Optional.empty();
    tokens.expectOperator("]");
    return new Expr.Slice(of, start, stop, step);
  }

  private Optional<Expr> bound() {
    return tokens.isOperator(":") || tokens.isOperator("]")
        ? Optional.empty()
        : Optional.of(expressions.expression());
  }

  /** Filters, tests, and calls of their results. */
  Expr filters(Expr operand) {
    Expr value = operand;
    while (true) {
      if (tokens.skipOperator("|")) {
        value = filter(value);
      } else if (tokens.skipName("is")) {
        value = test(value);
      } else if (tokens.isOperator("(")) {
        value = new Expr.Invoke(value, expressions.arguments());
      } else {
        return value;
      }
    }
  }

  /** One filter, after its {@code |}. */
  Expr.Filtered filter(Expr input) {
    String name = dottedName();
    Arguments arguments = tokens.isOperator("(") ? expressions.arguments() : Arguments.NONE;
    return new Expr.Filtered(input, name, arguments);
  }

  private Expr test(Expr input) {
    boolean negated = tokens.skipName("not");
    String name = dottedName();
    Arguments arguments = Arguments.NONE;
    if (tokens.isOperator("(")) {
      arguments = expressions.arguments();
    } else if (startsTestArgument()) {
      if (tokens.isName("is")) {
        throw tokens.fail("You cannot chain multiple tests with is");
      }
      arguments = new Arguments(List.of(postfix(primary())), List.of());
    }
    Expr tested = new Expr.Tested(input, name, arguments);
    return negated ? new Expr.Not(tested) : tested;
  }

  private boolean startsTestArgument() {
    Token token = tokens.current();
    return switch (token.kind()) {
      case NAME -> !token.isName("else") && !token.isName("or") && !token.isName("and");
      case STRING, INTEGER, FLOAT -> true;
      default -> token.isOperator("[") || token.isOperator("{");
    };
  }

  private String dottedName() {
    var name = new StringBuilder(tokens.expect(Kind.NAME).text());
    while (tokens.skipOperator(".")) {
      name.append('.').append(tokens.expect(Kind.NAME).text());
    }
    return name.toString();
  }
}
