package io.gatun.runtime.adapter;

/**
 * How far two models' logits are apart, summed over positions in double precision.
 *
 * <p>Kullback-Leibler divergence is {@code KL(p || q) = sum_v p_v (log p_v - log q_v)} in nats, p
 * the softmax of the reference; a top-1 flip is a position where the most likely token differs.
 */
public final class LogitDifference {
  private double maxAbs;
  private double sumSquares;
  private double sumKl;
  private double maxKl;
  private long values;
  private long positions;
  private long flips;

  /** Nothing compared yet. */
  public LogitDifference() {}

  /**
   * Compares one position.
   *
   * @param reference logits over the vocabulary
   * @param other logits of the other model, same length
   */
  public void add(float[] reference, float[] other) {
    if (reference.length != other.length) {
      throw new IllegalArgumentException(
          "logits have %d and %d entries; the models have different vocabularies"
              .formatted(reference.length, other.length));
    }
    double logP = logSumExp(reference);
    double logQ = logSumExp(other);
    double kl = 0;
    int best = 0;
    int otherBest = 0;
    for (int v = 0; v < reference.length; v++) {
      double difference = (double) other[v] - reference[v];
      maxAbs = Math.max(maxAbs, Math.abs(difference));
      sumSquares += difference * difference;
      double lp = reference[v] - logP;
      kl += Math.exp(lp) * (lp - (other[v] - logQ));
      best = reference[v] > reference[best] ? v : best;
      otherBest = other[v] > other[otherBest] ? v : otherBest;
    }
    kl = Math.max(kl, 0);
    sumKl += kl;
    maxKl = Math.max(maxKl, kl);
    values += reference.length;
    positions++;
    flips += best == otherBest ? 0 : 1;
  }

  private static double logSumExp(float[] x) {
    double max = Double.NEGATIVE_INFINITY;
    for (float v : x) {
      max = Math.max(max, v);
    }
    double sum = 0;
    for (float v : x) {
      sum += Math.exp(v - max);
    }
    return max + Math.log(sum);
  }

  /**
   * Positions compared.
   *
   * @return the number of calls of {@link #add}
   */
  public long positions() {
    return positions;
  }

  /**
   * Largest absolute difference of a logit.
   *
   * @return 0 when nothing was compared
   */
  public double maxAbs() {
    return maxAbs;
  }

  /**
   * Root mean square difference of the logits.
   *
   * @return 0 when nothing was compared
   */
  public double rms() {
    return values == 0 ? 0 : Math.sqrt(sumSquares / values);
  }

  /**
   * Mean divergence of a position.
   *
   * @return nats
   */
  public double meanKl() {
    return positions == 0 ? 0 : sumKl / positions;
  }

  /**
   * Largest divergence of a position.
   *
   * @return nats
   */
  public double maxKl() {
    return maxKl;
  }

  /**
   * Positions whose most likely token differs.
   *
   * @return a count
   */
  public long flips() {
    return flips;
  }
}
