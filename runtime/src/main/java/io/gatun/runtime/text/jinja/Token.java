package io.gatun.runtime.text.jinja;

/**
 * One piece of a template.
 *
 * @param kind what it is
 * @param text its text: the data, the name, the operator, the number's digits, the string's value
 * @param line the line it starts on, from 1
 */
record Token(Kind kind, String text, int line) {
  enum Kind {
    DATA("template data"),
    PRINT_BEGIN("begin of print statement"),
    PRINT_END("end of print statement"),
    BLOCK_BEGIN("begin of statement block"),
    BLOCK_END("end of statement block"),
    NAME("name"),
    STRING("string"),
    INTEGER("integer"),
    FLOAT("float"),
    OPERATOR("operator"),
    EOF("end of template");

    final String words;

    Kind(String words) {
      this.words = words;
    }
  }

  boolean is(Kind other) {
    return kind == other;
  }

  boolean isOperator(String op) {
    return kind == Kind.OPERATOR && text.equals(op);
  }

  boolean isName(String name) {
    return kind == Kind.NAME && text.equals(name);
  }

  /** How an error message names this token. */
  String words() {
    return switch (kind) {
      case NAME, STRING, INTEGER, FLOAT, OPERATOR -> "'" + text + "'";
      default -> "'" + kind.words + "'";
    };
  }
}
