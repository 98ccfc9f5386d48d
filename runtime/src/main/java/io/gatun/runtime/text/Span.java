package io.gatun.runtime.text;

/**
 * A part of a sequence: characters (UTF-16) of a text, or tokens of its encoding.
 *
 * @param start the first
 * @param end the one after the last
 */
public record Span(int start, int end) {
  /** Checks the order. */
  public Span {
    if (start < 0 || end < start) {
      throw new IllegalArgumentException("a span from %d to %d".formatted(start, end));
    }
  }

  /**
   * Elements in the span.
   *
   * @return their number
   */
  public int length() {
    return end - start;
  }
}
