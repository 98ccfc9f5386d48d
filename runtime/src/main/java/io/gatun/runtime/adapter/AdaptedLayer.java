package io.gatun.runtime.adapter;

import io.gatun.runtime.model.LinearLayer;

/**
 * A linear layer with an adapter: W + scale B A.
 *
 * @param linear the layer
 * @param rank rows of A, columns of B
 * @param scale factor of B A
 */
public record AdaptedLayer(LinearLayer linear, int rank, float scale) {

  /**
   * Parameters of A and B.
   *
   * @return rank (in + out)
   */
  public long parameters() {
    return (long) rank * (linear.rows() + linear.cols());
  }
}
