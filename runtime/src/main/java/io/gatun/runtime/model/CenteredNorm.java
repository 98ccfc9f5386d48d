package io.gatun.runtime.model;

import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.LayerNorm;

/**
 * A frozen layer norm, y = (x - mean) / deviation gamma + beta.
 *
 * @param gamma (1, n) F32
 * @param beta (1, n) F32
 * @param eps added to the variance
 */
record CenteredNorm(Matrix gamma, Matrix beta, float eps) {

  void forward(Matrix x, Matrix y, Matrix mean, Matrix rstd) {
    LayerNorm.forward(x, gamma, beta, eps, y, mean, rstd);
  }

  void backward(Matrix dy, Matrix x, Matrix mean, Matrix rstd, Matrix dx) {
    LayerNorm.backward(dy, x, gamma, mean, rstd, dx);
  }
}
