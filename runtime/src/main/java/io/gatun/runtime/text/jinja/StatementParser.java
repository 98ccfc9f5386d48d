package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Node.Branch;
import io.gatun.runtime.text.jinja.Node.Parameter;
import io.gatun.runtime.text.jinja.Node.Signature;
import io.gatun.runtime.text.jinja.Node.Target;
import io.gatun.runtime.text.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/** Jinja's statements: one method a tag. */
final class StatementParser {
  private final TokenStream tokens;
  private final ExpressionParser expressions;
  private int loops;

  private StatementParser(List<Token> tokens) {
    this.tokens = new TokenStream(tokens);
    expressions = new ExpressionParser(this.tokens);
  }

  /** The statements of a whole template. */
  static List<Node> parse(List<Token> tokens) {
    var parser = new StatementParser(tokens);
    return parser.body("the template", Set.of());
  }

  /** Statements up to one of the tags {@code ends}, whose name is then the current token. */
  private List<Node> body(String of, Set<String> ends) {
    tokens.enter();
    var nodes = new ArrayList<Node>();
    while (!tokens.current().is(Kind.EOF)) {
      Token token = tokens.next();
      switch (token.kind()) {
        case DATA -> nodes.add(new Node.Data(token.text()));
        case PRINT_BEGIN -> {
          nodes.add(new Node.Print(expressions.tuple()));
          tokens.expect(Kind.PRINT_END);
        }
        default -> {
          if (ends.contains(tokens.current().text()) && tokens.current().is(Kind.NAME)) {
            tokens.leave();
            return nodes;
          }
          nodes.add(statement());
        }
      }
    }
    if (!ends.isEmpty()) {
      throw tokens.fail(
          "Unexpected end of template. Jinja was looking for the following tags: '"
              + String.join("' or '", ends.stream().sorted().toList())
              + "'. The innermost block that needs to be closed is '"
              + of
              + "'");
    }
    tokens.leave();
    return nodes;
  }

  /** The body of a tag up to and with its end tag. */
  private List<Node> bodyToEnd(String tag) {
    tokens.expect(Kind.BLOCK_END);
    List<Node> nodes = body(tag, Set.of("end" + tag));
    tokens.next();
    tokens.expect(Kind.BLOCK_END);
    return nodes;
  }

  private Node statement() {
    Token tag = tokens.expect(Kind.NAME);
    return switch (tag.text()) {
      case "if" -> ifStatement();
      case "for" -> forStatement();
      case "set" -> set();
      case "macro" -> macro();
      case "call" -> call();
      case "filter" -> filter();
      case "with" -> with();
      case "generation" -> new Node.Generation(outsideLoops(() -> bodyToEnd("generation")));
      case "break" -> loopControl(tag, new Node.Break());
      case "continue" -> loopControl(tag, new Node.Continue());
      case "print" -> end(new Node.Print(printed()));
      case "include", "import", "from", "extends", "block", "autoescape", "do", "trans" ->
          throw JinjaException.syntax(
              "the tag '" + tag.text() + "' is not part of chat templates", tag.line());
      default ->
          throw JinjaException.syntax("Encountered unknown tag '" + tag.text() + "'.", tag.line());
    };
  }

  private <T> T end(T node) {
    tokens.expect(Kind.BLOCK_END);
    return node;
  }

  private Expr printed() {
    var parts = new ArrayList<Expr>();
    do {
      parts.add(expressions.expression());
    } while (tokens.skipOperator(","));
    return new Expr.Concat(parts);
  }

  private Node loopControl(Token tag, Node node) {
    if (loops == 0) {
      throw JinjaException.syntax("'" + tag.text() + "' outside of a loop", tag.line());
    }
    return end(node);
  }

  /** A body that is rendered apart, so that a loop around it cannot be left from inside. */
  private <T> T outsideLoops(Supplier<T> body) {
    int outer = loops;
    loops = 0;
    T result = body.get();
    loops = outer;
    return result;
  }

  private Node ifStatement() {
    var branches = new ArrayList<Branch>();
    Set<String> ends = Set.of("elif", "else", "endif");
    while (true) {
      Expr test = expressions.tupleWithoutIf();
      tokens.expect(Kind.BLOCK_END);
      branches.add(new Branch(test, body("if", ends)));
      if (!tokens.skipName("elif")) {
        break;
      }
    }
    List<Node> otherwise = tokens.skipName("else") ? otherwise("if") : List.of();
    tokens.expectName("endif");
    return end(new Node.If(branches, otherwise));
  }

  private List<Node> otherwise(String tag) {
    tokens.expect(Kind.BLOCK_END);
    return body(tag, Set.of("end" + tag));
  }

  private Node forStatement() {
    Target target = targets();
    tokens.expectName("in");
    Expr items = expressions.tupleWithoutIf();
    Optional<Expr> test =
        tokens.skipName("if") ? Optional.of(expressions.expression()) : Optional.empty();
    boolean recursive = tokens.skipName("recursive");
    tokens.expect(Kind.BLOCK_END);
    loops++;
    List<Node> body = body("for", Set.of("endfor", "else"));
    loops--;
    List<Node> otherwise = tokens.skipName("else") ? otherwise("for") : List.of();
    tokens.expectName("endfor");
    return end(new Node.For(target, items, test, recursive, body, otherwise));
  }

  private Target targets() {
    var targets = new ArrayList<Target>();
    boolean several = false;
    do {
      if (several && !tokens.current().is(Kind.NAME) && !tokens.isOperator("(")) {
        break;
      }
      targets.add(target());
      several |= tokens.isOperator(",");
    } while (tokens.skipOperator(","));
    return several ? new Target.Several(targets) : targets.getFirst();
  }

  private Target target() {
    if (tokens.skipOperator("(")) {
      tokens.enter();
      Target inner = targets();
      tokens.leave();
      tokens.expectOperator(")");
      return inner;
    }
    Token name = tokens.expect(Kind.NAME);
    if (Set.of("true", "false", "none", "True", "False", "None").contains(name.text())) {
      throw JinjaException.syntax("can't assign to '" + name.text() + "'", name.line());
    }
    if (tokens.skipOperator(".")) {
      return new Target.Attribute(name.text(), tokens.expect(Kind.NAME).text());
    }
    return new Target.Variable(name.text());
  }

  private Node set() {
    Target target = targets();
    if (tokens.skipOperator("=")) {
      return end(new Node.Set(target, expressions.tuple()));
    }
    List<Expr.Filtered> filters = filters();
    return new Node.SetBlock(target, filters, outsideLoops(() -> bodyToEnd("set")));
  }

  /** Filters that a body goes through: each has the literal empty string as input. */
  private List<Expr.Filtered> filters() {
    var filters = new ArrayList<Expr.Filtered>();
    while (tokens.skipOperator("|")) {
      filters.add(expressions.filter());
    }
    return filters;
  }

  private Node filter() {
    var filters = new ArrayList<Expr.Filtered>(List.of(expressions.filter()));
    filters.addAll(filters());
    return new Node.FilterBlock(filters, outsideLoops(() -> bodyToEnd("filter")));
  }

  private Node with() {
    var values = new ArrayList<Expr.Named>();
    while (!tokens.current().is(Kind.BLOCK_END)) {
      String name = tokens.expect(Kind.NAME).text();
      tokens.expectOperator("=");
      values.add(new Expr.Named(name, expressions.expression()));
      if (!tokens.skipOperator(",")) {
        break;
      }
    }
    return new Node.With(values, bodyToEnd("with"));
  }

  private Node macro() {
    String name = tokens.expect(Kind.NAME).text();
    List<Parameter> parameters = parameters();
    int from = expressions.names().size();
    List<Node> body = outsideLoops(() -> bodyToEnd("macro"));
    return new Node.Macro(name, signature(parameters, from), body);
  }

  private Node call() {
    List<Parameter> parameters = tokens.isOperator("(") ? parameters() : List.of();
    if (!(expressions.expression() instanceof Expr.Invoke invoke)) {
      throw tokens.fail("expected call");
    }
    int from = expressions.names().size();
    List<Node> body = outsideLoops(() -> bodyToEnd("call"));
    return new Node.CallBlock(signature(parameters, from), invoke, body);
  }

  private Signature signature(List<Parameter> parameters, int firstName) {
    List<String> names = expressions.names().subList(firstName, expressions.names().size());
    return new Signature(
        parameters, names.contains("varargs"), names.contains("kwargs"), names.contains("caller"));
  }

  private List<Parameter> parameters() {
    tokens.expectOperator("(");
    var parameters = new ArrayList<Parameter>();
    while (!tokens.isOperator(")")) {
      String name = tokens.expect(Kind.NAME).text();
      Optional<Expr> value =
          tokens.skipOperator("=") ? Optional.of(expressions.expression()) : Optional.empty();
      if (value.isEmpty()
          && !parameters.isEmpty()
          && parameters.getLast().defaultValue().isPresent()) {
        throw tokens.fail("non-default argument follows default argument");
      }
      parameters.add(new Parameter(name, value));
      if (!tokens.skipOperator(",")) {
        break;
      }
    }
    tokens.expectOperator(")");
    return parameters;
  }
}
