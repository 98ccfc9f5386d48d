package io.gatun.runtime.text.jinja;

import io.gatun.runtime.text.jinja.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a template into tokens by Jinja's rules for white space: {@code trim_blocks} (one newline
 * after a block tag or a comment goes), {@code lstrip_blocks} (blanks before one at the start of a
 * line go), {@code -} and {@code +} at either end of a tag, and one newline at the very end of the
 * template goes.
 */
final class Lexer {
  private static final Pattern RAW_BEGIN = Pattern.compile("\\{%[-+]?\\s*raw\\s*(-%\\}\\s*|%\\})");
  private static final Pattern RAW_END =
      Pattern.compile("\\{%([-+]?)\\s*endraw\\s*(\\+%\\}|-%\\}\\s*|%\\}\\n?)");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private int line = 1;
  private boolean lineStart = true;

  private Lexer(String source) {
    this.source = source;
  }

  /** The tokens of a template, ending with one {@link Kind#EOF}. */
  static List<Token> tokens(String template) {
    String source = template.replace("\r\n", "\n").replace('\r', '\n');
    if (source.endsWith("\n")) {
      source = source.substring(0, source.length() - 1);
    }
    var lexer = new Lexer(source);
    lexer.run();
    return lexer.tokens;
  }

  private void run() {
    while (at < source.length()) {
      int tag = nextTag();
      String text = source.substring(at, tag);
      if (tag == source.length()) {
        emit(Kind.DATA, text);
        at = tag;
        break;
      }
      char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
      char kind = source.charAt(tag + 1);
      emit(Kind.DATA, stripBefore(text, kind, sign));
      advance(tag);
      switch (kind) {
        case '#' -> comment();
        case '%' -> block(sign);
        default -> {
          open(sign);
          tokens.add(new Token(Kind.PRINT_BEGIN, "{{", line));
          code("}}", Kind.PRINT_END);
        }
      }
    }
    tokens.add(new Token(Kind.EOF, "", line));
  }

  private int nextTag() {
    int i = at;
    while ((i = source.indexOf('{', i)) >= 0 && i + 1 < source.length()) {
      if ("{%#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
      i++;
    }
    return source.length();
  }

  /**
   * The data before a tag, without the blanks that the tag's sign or {@code lstrip_blocks} removes.
   */
  private String stripBefore(String text, char kind, char sign) {
    if (sign == '-') {
      return Text.strip(text, Text::isSpace, false, true);
    }
    if (sign == '+' || kind == '{') {
      return text;
    }
    int start = text.lastIndexOf('\n') + 1;
    boolean atLineStart = start > 0 || lineStart;
    return atLineStart && text.substring(start).codePoints().allMatch(Text::isSpace)
        ? text.substring(0, start)
        : text;
  }

  private void comment() {
    open(at + 2 < source.length() ? source.charAt(at + 2) : ' ');
    int begin = at;
    int end = source.indexOf("#}", begin);
    if (end < 0) {
      throw JinjaException.syntax("Missing end of comment tag", line);
    }
    advance(end + 2);
    closed(end > begin ? source.charAt(end - 1) : ' ', true);
  }

  private void block(char sign) {
    Matcher raw = RAW_BEGIN.matcher(source).region(at, source.length());
    if (raw.lookingAt()) {
      raw(raw);
      return;
    }
    open(sign);
    tokens.add(new Token(Kind.BLOCK_BEGIN, "{%", line));
    code("%}", Kind.BLOCK_END);
  }

  private void raw(Matcher begin) {
    Matcher end = RAW_END.matcher(source);
    if (!end.find(begin.end())) {
      throw JinjaException.syntax("Missing end of raw directive", line);
    }
    advance(begin.end());
    lineStart = source.charAt(at - 1) == '\n';
    String text = source.substring(at, end.start());
    char sign = end.group(1).isEmpty() ? ' ' : end.group(1).charAt(0);
    emit(Kind.DATA, stripBefore(text, '%', sign));
    advance(end.end());
    lineStart = source.charAt(at - 1) == '\n';
  }

  private void open(char sign) {
    at += 2 + (sign == '-' || sign == '+' ? 1 : 0);
  }

  /** The tokens inside a tag, up to and with its end. */
  private void code(String end, Kind endKind) {
    Deque<Character> brackets = new ArrayDeque<>();
    while (true) {
      while (at < source.length() && Text.isSpace(source.charAt(at))) {
        advance(at + 1);
      }
      if (at >= source.length()) {
        throw JinjaException.syntax(
            "unexpected end of template, expected '" + endKind.words + "'.", line);
      }
      if (brackets.isEmpty() && closes(end, endKind)) {
        return;
      }
      CodeLexer.Lexeme next = CodeLexer.next(source, at, line);
      if (next.token().is(Kind.OPERATOR)) {
        balance(brackets, source.charAt(at));
      }
      tokens.add(next.token());
      advance(next.end());
    }
  }

  private boolean closes(String end, Kind endKind) {
    char sign = source.charAt(at);
    boolean signed = sign == '-' || (sign == '+' && endKind == Kind.BLOCK_END);
    int tag = signed ? at + 1 : at;
    if (!source.startsWith(end, tag)) {
      return false;
    }
    tokens.add(new Token(endKind, end, line));
    advance(tag + 2);
    closed(signed ? sign : ' ', endKind == Kind.BLOCK_END);
    return true;
  }

  /** After a tag: {@code -} removes all white space, else one newline goes if {@code trim}. */
  private void closed(char sign, boolean trim) {
    int from = at;
    if (sign == '-') {
      while (at < source.length() && Text.isSpace(source.charAt(at))) {
        advance(at + 1);
      }
    } else if (trim && sign != '+' && at < source.length() && source.charAt(at) == '\n') {
      advance(at + 1);
    }
    lineStart = at > from && source.charAt(at - 1) == '\n';
  }

  private void balance(Deque<Character> brackets, char c) {
    if ("([{".indexOf(c) >= 0) {
      brackets.push(c);
    } else if (")]}".indexOf(c) >= 0) {
      if (brackets.isEmpty()) {
        throw JinjaException.syntax("unexpected '" + c + "'", line);
      }
      char expected = ")]}".charAt("([{".indexOf(brackets.pop()));
      if (c != expected) {
        throw JinjaException.syntax("unexpected '" + c + "', expected '" + expected + "'", line);
      }
    }
  }

  private void emit(Kind kind, String text) {
    if (!text.isEmpty()) {
      tokens.add(new Token(kind, text, line));
    }
  }

  private void advance(int to) {
    for (; at < to; at++) {
      if (source.charAt(at) == '\n') {
        line++;
      }
    }
  }
}
