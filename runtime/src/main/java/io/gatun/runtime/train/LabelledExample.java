package io.gatun.runtime.train;

/**
 * One row of classification data as the model sees it.
 *
 * @param ids its tokens
 * @param types for each token, 0 if it belongs to the first text and 1 if to the second
 * @param label what it should be given
 * @param line line of its file, from 1
 */
public record LabelledExample(int[] ids, int[] types, Label label, int line) implements TokenRow {
  /** Checks the lengths. */
  public LabelledExample {
    if (ids.length == 0 || ids.length != types.length) {
      throw new IllegalArgumentException(
          "A row needs tokens and a type for each; it has %d tokens and %d types."
              .formatted(ids.length, types.length));
    }
  }

  @Override
  public int supervised() {
    return 1;
  }
}
