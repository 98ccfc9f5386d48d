package io.gatun.runtime.model;

/**
 * The loss of a batch: a weighted sum over its labelled tokens, or over its sequences where those
 * are classified. Batches add up.
 *
 * @param sum sum of weight times loss
 * @param weight sum of weights
 */
public record Loss(double sum, double weight) {
  /** Nothing yet. */
  public static final Loss ZERO = new Loss(0, 0);

  /**
   * This and another.
   *
   * @param other another
   * @return sums of both
   */
  public Loss plus(Loss other) {
    return new Loss(sum + other.sum, weight + other.weight);
  }

  /**
   * Loss per unit of weight.
   *
   * @return sum / weight; 0 when nothing is labelled
   */
  public double mean() {
    return weight == 0 ? 0 : sum / weight;
  }
}
