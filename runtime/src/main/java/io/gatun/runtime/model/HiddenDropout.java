package io.gatun.runtime.model;

import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Dropout;

/**
 * Dropout of hidden features in the base. The mask is drawn again where it is needed, never kept.
 *
 * @param p probability of a zero
 * @param key which mask
 * @param tokenIndex of each row, within the optimizer step
 */
record HiddenDropout(float p, DropoutKey key, Ints tokenIndex) {

  /** x = drop(x). */
  void forward(Matrix x) {
    Dropout.forward(x, key, tokenIndex, p, x);
  }

  /** dx = drop(dy), the same mask: dropout is linear. Gives dx, which may be dy. */
  Matrix backward(Matrix dy, Matrix dx) {
    Dropout.forward(dy, key, tokenIndex, p, dx);
    return dx;
  }
}
