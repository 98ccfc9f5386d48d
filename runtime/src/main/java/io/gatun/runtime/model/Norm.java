package io.gatun.runtime.model;

import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.RmsNorm;

/**
 * A frozen norm, y = x / rms(x) (offset + gamma), within each group of as many columns as gamma
 * has.
 *
 * @param gamma (1, n) F32
 * @param offset added to gamma
 * @param eps added to the mean square
 */
record Norm(Matrix gamma, float offset, float eps) {

  void forward(Matrix x, Matrix y, Matrix rstd) {
    RmsNorm.forward(x, gamma, offset, eps, y, rstd);
  }

  void backward(Matrix dy, Matrix x, Matrix rstd, Matrix dx) {
    RmsNorm.backward(dy, x, gamma, offset, rstd, dx);
  }

  void backwardSum(Matrix dy, Matrix x, Matrix rstd, Matrix dxSum) {
    RmsNorm.backwardSum(dy, x, gamma, offset, rstd, dxSum);
  }
}
