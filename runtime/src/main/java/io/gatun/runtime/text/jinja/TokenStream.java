package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Token.Kind;
import java.util.List;

/** The parser's place in the tokens, and how deep it is. */
final class TokenStream {
  /** Templates nested deeper than this are refused, so that no template overflows the stack. */
  private static final int MAX_DEPTH = 100;

  private final List<Token> tokens;
  private int at;
  private int depth;

  TokenStream(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token current() {
    return tokens.get(at);
  }

  Token ahead() {
    return tokens.get(Math.min(at + 1, tokens.size() - 1));
  }

  Token next() {
    Token token = tokens.get(at);
    if (!token.is(Kind.EOF)) {
      at++;
    }
    return token;
  }

  boolean isOperator(String op) {
    return current().isOperator(op);
  }

  boolean isName(String name) {
    return current().isName(name);
  }

  boolean skipOperator(String op) {
    boolean found = isOperator(op);
    if (found) {
      at++;
    }
    return found;
  }

  boolean skipName(String name) {
    boolean found = isName(name);
    if (found) {
      at++;
    }
    return found;
  }

  Token expect(Kind kind) {
    if (!current().is(kind)) {
      throw expected(kind.words);
    }
    return next();
  }

  void expectOperator(String op) {
    if (!skipOperator(op)) {
      throw expected(op);
    }
  }

  void expectName(String name) {
    if (!skipName(name)) {
      throw expected(name);
    }
  }

  JinjaException expected(String what) {
    if (current().is(Kind.EOF)) {
      return fail("unexpected end of template, expected '" + what + "'.");
    }
    return fail("expected token '" + what + "', got " + current().words());
  }

  JinjaException fail(String message) {
    return JinjaException.syntax(message, current().line());
  }

  /** Goes one level deeper, until {@link #leave}. */
  void enter() {
    if (++depth > MAX_DEPTH) {
      throw JinjaException.limit("the template nests more than " + MAX_DEPTH + " levels deep");
    }
  }

  void leave() {
    depth--;
  }
}
