package io.gatun.runtime.train;

/** A row as a model reads it, with where it came from. */
public sealed interface TokenRow permits Example, LabelledRow {
  /**
   * The tokens.
   *
   * @return ids, at least one
   */
  int[] ids();

  /**
   * Where the row stands.
   *
   * @return line of its file, from 1, or its number where there is no file
   */
  int line();

  /**
   * Tokens in the row.
   *
   * @return their number
   */
  default int tokens() {
    return ids().length;
  }

  /**
   * What of the row carries a loss.
   *
   * @return learned tokens of a text; 1 for a row with a label
   */
  int supervised();
}
