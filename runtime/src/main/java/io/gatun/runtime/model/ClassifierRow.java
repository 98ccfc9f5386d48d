package io.gatun.runtime.model;

/**
 * A sequence to be classified.
 *
 * @param ids token ids, at least one, with the special tokens that the model expects
 * @param typeIds type of each token: 0, or 1 for the second text of a pair; models without types
 *     take no notice
 * @param target what should be said of it
 * @param firstToken index of ids[0] among all tokens of the optimizer step; dropout depends on it,
 *     so that it does not depend on how the step is cut into batches
 */
public record ClassifierRow(int[] ids, int[] typeIds, Target target, int firstToken) {

  /** Checks that there is a token and one type each. */
  public ClassifierRow {
    if (ids.length == 0 || ids.length != typeIds.length) {
      throw new IllegalArgumentException(
          "a row needs tokens and as many types: "
              + ids.length
              + " tokens, "
              + typeIds.length
              + " types");
    }
  }

  /**
   * A row on its own.
   *
   * @param ids token ids
   * @param typeIds type of each token
   * @param target what should be said of it
   */
  public ClassifierRow(int[] ids, int[] typeIds, Target target) {
    this(ids, typeIds, target, 0);
  }

  /**
   * The row at a place in an optimizer step.
   *
   * @param token index of ids[0] among all tokens of the step
   * @return a copy
   */
  public ClassifierRow from(int token) {
    return new ClassifierRow(ids, typeIds, target, token);
  }

  /**
   * A row of which nothing is known.
   *
   * @param ids token ids
   * @param typeIds type of each token
   * @return the row
   */
  public static ClassifierRow unlabelled(int[] ids, int[] typeIds) {
    return new ClassifierRow(ids, typeIds, new Target.Unknown());
  }
}
