package io.gatun.runtime.text.jinja;

import java.util.OptionalInt;

/**
 * A template that cannot be parsed or rendered: bad syntax, a Python-like type error, an undefined
 * value used, a limit, or the template's own {@code raise_exception}.
 */
public final class JinjaException extends RuntimeException {
  private final String kind;
  private final int line;

  /**
   * An error of a kind.
   *
   * @param kind Python's name of the error, such as {@code UndefinedError}
   * @param message the sentence, without the kind
   */
  public JinjaException(String kind, String message) {
    this(kind, message, 0);
  }

  private JinjaException(String kind, String message, int line) {
    super(message);
    this.kind = kind;
    this.line = line;
  }

  /**
   * Python's name of the error: {@code TemplateSyntaxError}, {@code UndefinedError}, {@code
   * TemplateError} …
   */
  public String kind() {
    return kind;
  }

  /** The line of the template a syntax error is on, from 1. */
  public OptionalInt line() {
    return line > 0 ? OptionalInt.of(line) : OptionalInt.empty();
  }

  static JinjaException syntax(String message, int line) {
    return new JinjaException("TemplateSyntaxError", message, line);
  }

  static JinjaException type(String message) {
    return new JinjaException("TypeError", message);
  }

  static JinjaException value(String message) {
    return new JinjaException("ValueError", message);
  }

  static JinjaException limit(String message) {
    return new JinjaException("LimitError", message);
  }
}
