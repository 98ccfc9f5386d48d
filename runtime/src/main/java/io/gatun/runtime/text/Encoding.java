package io.gatun.runtime.text;

import java.util.ArrayList;
import java.util.List;

/**
 * A text as tokens, with the place of each.
 *
 * @param ids the tokens
 * @param typeIds for each token the text it belongs to: 0, or 1 for the second of a pair
 * @param special for each token, whether the tokenizer added it to the text
 * @param spans for each token the characters (UTF-16) of its text that it stands for; an empty span
 *     for an added token. Tokens that are parts of one character all have its span.
 */
public record Encoding(int[] ids, int[] typeIds, boolean[] special, List<Span> spans) {
  /**
   * Tokens.
   *
   * @return their number
   */
  public int length() {
    return ids.length;
  }

  /**
   * The tokens of parts of the text: from the token with a span's first character to the one with
   * its last, so that a token across a border belongs to the span.
   *
   * @param characters spans of the text, in order, not overlapping
   * @return for each token, whether it is in one of them
   */
  public boolean[] covers(List<Span> characters) {
    boolean[] inside = new boolean[ids.length];
    int next = 0;
    for (Span wanted : characters) {
      int first = next;
      while (first < ids.length && (special[first] || spans.get(first).end() <= wanted.start())) {
        first++;
      }
      int after = first;
      for (int i = first;
          i < ids.length && (special[i] || spans.get(i).start() < wanted.end());
          i++) {
        after = special[i] ? after : i + 1;
      }
      for (int i = first; i < after; i++) {
        inside[i] = wanted.length() > 0;
      }
      next = first;
    }
    return inside;
  }

  /**
   * As {@link #covers}, as spans of tokens.
   *
   * @param characters spans of the text, in order, not overlapping
   * @return runs of tokens, in order
   */
  public List<Span> tokenSpans(List<Span> characters) {
    boolean[] inside = covers(characters);
    var runs = new ArrayList<Span>();
    int start = -1;
    for (int i = 0; i <= inside.length; i++) {
      boolean in = i < inside.length && inside[i];
      if (in && start < 0) {
        start = i;
      } else if (!in && start >= 0) {
        runs.add(new Span(start, i));
        start = -1;
      }
    }
    return List.copyOf(runs);
  }
}
