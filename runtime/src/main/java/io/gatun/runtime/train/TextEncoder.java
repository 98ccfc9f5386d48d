package io.gatun.runtime.train;

import io.gatun.runtime.text.Encoding;
import io.gatun.runtime.text.Tokenizer;
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
   * The encoder of a tokenizer.
   *
   * @param tokenizer of the model
   * @return it, with what it puts around a text or a pair of texts
   */
  static TextEncoder of(Tokenizer tokenizer) {
    return (first, second, maxLength) -> {
      var whole = encode(tokenizer, first, second, Integer.MAX_VALUE);
      boolean cut = whole.length() > maxLength;
      var kept = cut ? encode(tokenizer, first, second, maxLength) : whole;
      return new Encoded(kept.ids(), kept.typeIds(), cut);
    };
  }

  private static Encoding encode(
      Tokenizer tokenizer, String first, Optional<String> second, int maxLength) {
    return second.isPresent()
        ? tokenizer.encodePair(first, second.get(), maxLength)
        : tokenizer.encodeText(first, maxLength);
  }

  /**
   * A row's tokens.
   *
   * @param ids tokens
   * @param typeIds for each, 0 if it belongs to the first text and 1 if to the second
   * @param cut whether texts were cut
   */
  record Encoded(int[] ids, int[] typeIds, boolean cut) {}
}
