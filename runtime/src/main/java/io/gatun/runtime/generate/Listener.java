package io.gatun.runtime.generate;

/** Hears pieces of text while they are generated. */
@FunctionalInterface
public interface Listener {
  /** Hears nothing. */
  Listener SILENT = (_, _) -> {};

  /**
   * More text of an answer.
   *
   * @param prompt number of the prompt, from 0
   * @param piece text that follows what was said before
   */
  void text(int prompt, String piece);
}
