package io.gatun.runtime.predict;

import java.util.Optional;

/**
 * What is classified: a text, or a pair of texts.
 *
 * @param first the text
 * @param second the other text of a pair
 */
public record Input(String first, Optional<String> second) {

  /** Refuses texts that hold nothing. */
  public Input {
    if (first.isBlank() || second.map(String::isBlank).orElse(false)) {
      throw new IllegalArgumentException("the text is empty, so there is nothing to classify");
    }
  }

  /**
   * A text.
   *
   * @param text not blank
   * @return the input
   */
  public static Input of(String text) {
    return new Input(text, Optional.empty());
  }

  /**
   * A pair of texts, such as a question and an answer.
   *
   * @param first not blank
   * @param second not blank
   * @return the input
   */
  public static Input pair(String first, String second) {
    return new Input(first, Optional.of(second));
  }
}
