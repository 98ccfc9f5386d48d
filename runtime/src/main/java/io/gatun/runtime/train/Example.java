package io.gatun.runtime.train;

/**
 * One row as the model sees it.
 *
 * @param ids its tokens
 * @param learned for each token, whether predicting it from the tokens before it is part of the
 *     loss; nothing precedes the first
 * @param line line of its file, from 1, or its number where there is no file
 */
public record Example(int[] ids, boolean[] learned, int line) implements TokenRow {
  /** Checks the lengths; nothing predicts the first token. */
  public Example {
    if (ids.length == 0 || ids.length != learned.length) {
      throw new IllegalArgumentException(
          "A row needs tokens and a mark for each; it has %d tokens and %d marks."
              .formatted(ids.length, learned.length));
    }
  }

  /**
   * Tokens that carry a loss.
   *
   * @return their number; the first token never counts
   */
  @Override
  public int supervised() {
    int count = 0;
    for (int i = 1; i < learned.length; i++) {
      count += learned[i] ? 1 : 0;
    }
    return count;
  }
}
