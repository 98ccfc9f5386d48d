package io.gatun.runtime.adapter;

import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Dropout;
import io.gatun.kernels.ops.LoraMatMul.LoraGradients;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import java.util.List;

/** What adapters add to one product in one pass. */
public sealed interface Delta {

  /** Nothing. */
  record None() implements Delta {}

  /**
   * Products of low rank.
   *
   * @param rows which rows use which factors; rows in no entry use none
   * @param gradients where the gradients of each entry are added; empty outside training
   * @param t (tokens, rank) kept from forward for backward: input of A times Aᵀ
   * @param u (tokens, rank) scratch of backward: dy times s B
   * @param mask dropout of the input of A
   */
  record LowRank(List<LoraRows> rows, List<LoraGradients> gradients, Matrix t, Matrix u, Mask mask)
      implements Delta {}

  /** Dropout of the input of A, the same for all siblings. */
  sealed interface Mask {

    /** None. */
    record Off() implements Mask {}

    /**
     * Inverted dropout.
     *
     * @param p probability of a zero
     * @param key of this product in this step
     * @param tokenIndex index of each token within the optimizer step
     * @param dropped (tokens, in) scratch for the dropped input
     * @param dDropped (tokens, in) scratch for its gradient
     */
    record On(float p, DropoutKey key, Ints tokenIndex, Matrix dropped, Matrix dDropped)
        implements Mask {

      void forward(Matrix x) {
        Dropout.forward(x, key, tokenIndex, p, dropped);
      }

      void backwardSum(Matrix dxSum) {
        Dropout.backwardSum(dDropped, key, tokenIndex, p, dxSum);
      }
    }
  }
}
