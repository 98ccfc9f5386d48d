package io.gatun.runtime.train;

import java.util.Optional;

/** Turns a text, or a pair of texts, into a classifier's tokens. Called by several threads. */
@FunctionalInterface
public interface TextEncoder {
  /**
   * The tokens of a row, with what the tokenizer puts around texts.
   *
   * @param first the text
   * @param second the other text of a pair
   * @param maxLength most tokens; longer texts are cut, what is put around them stays
   * @return tokens
   */
  Encoded encode(String first, Optional<String> second, int maxLength);

  /**
   * A row's tokens.
   *
   * @param ids tokens
   * @param types for each, 0 if it belongs to the first text and 1 if to the second
   * @param cut whether texts were cut
   */
  record Encoded(int[] ids, int[] types, boolean cut) {}
}
