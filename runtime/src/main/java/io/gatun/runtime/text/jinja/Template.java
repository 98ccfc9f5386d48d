package io.gatun.runtime.text.jinja;

import java.time.Clock;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A parsed template. Immutable, so that threads may share it. */
public final class Template {
  private static final int MAX_SOURCE = 1 << 20;

  private final List<Node> body;
  private final boolean marksGeneration;

  private Template(List<Node> body, boolean marksGeneration) {
    this.body = body;
    this.marksGeneration = marksGeneration;
  }

  /**
   * Parses a template.
   *
   * @throws JinjaException with the line, if its syntax is wrong or it is too large or too deep
   */
  public static Template parse(String source) {
    if (source.length() > MAX_SOURCE) {
      throw JinjaException.limit("a template of more than " + MAX_SOURCE + " characters");
    }
    try {
      List<Token> tokens = Lexer.tokens(source);
      boolean marks = false;
      for (int i = 1; i < tokens.size(); i++) {
        marks |= tokens.get(i - 1).is(Token.Kind.BLOCK_BEGIN) && tokens.get(i).isName("generation");
      }
      return new Template(StatementParser.parse(tokens), marks);
    } catch (StackOverflowError e) {
      throw JinjaException.limit("the template nests too deep");
    }
  }

  /** Whether the template has {@code {% generation %}} blocks. */
  public boolean marksGeneration() {
    return marksGeneration;
  }

  /**
   * Renders the template.
   *
   * @param variables what it finds by name
   * @param clock what {@code strftime_now} shows, in the clock's zone
   * @throws JinjaException if the template raises an error, uses a value wrongly, or passes a limit
   */
  public Rendering render(Map<String, Value> variables, Clock clock) {
    var root = new HashMap<>(Globals.ALL);
    root.putAll(variables);
    var run = new Run(clock);
    var out = new Output(run);
    try {
      new Interpreter(run).run(body, Scope.root(root).inner(), out);
    } catch (StackOverflowError e) {
      throw JinjaException.limit("the template calls itself too deep");
    }
    return out.rendering();
  }
}
