package io.gatun.runtime.text.jinja;

import java.util.List;

/**
 * What a template rendered.
 *
 * @param text the text
 * @param generated the parts of it that {@code {% generation %}} blocks wrote, in order
 */
public record Rendering(String text, List<Range> generated) {
  /**
   * A part of the text.
   *
   * @param start its first character
   * @param end the one after its last
   */
  public record Range(int start, int end) {}
}
