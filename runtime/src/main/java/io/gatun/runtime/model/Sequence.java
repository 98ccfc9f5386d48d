package io.gatun.runtime.model;

/**
 * One row of training or evaluation data.
 *
 * @param ids token ids, at least one
 * @param weights weights[t] is the weight of the loss of predicting ids[t] from the tokens before
 *     it, 0 for none; weights[0] is not used
 * @param firstToken index of ids[0] among all tokens of the optimizer step; dropout depends on it,
 *     so that it does not depend on how the step is cut into batches
 */
public record Sequence(int[] ids, float[] weights, int firstToken) {

  /** Checks that there is a token and one weight each. */
  public Sequence {
    if (ids.length == 0 || ids.length != weights.length) {
      throw new IllegalArgumentException(
          "a sequence needs tokens and as many weights: "
              + ids.length
              + " tokens, "
              + weights.length
              + " weights");
    }
  }

  /**
   * A row on its own.
   *
   * @param ids token ids
   * @param weights loss weight of each token
   */
  public Sequence(int[] ids, float[] weights) {
    this(ids, weights, 0);
  }

  /**
   * A row without loss, to be looked at only.
   *
   * @param ids token ids
   * @return the row with all weights 0
   */
  public static Sequence unlabelled(int... ids) {
    return new Sequence(ids, new float[ids.length]);
  }
}
