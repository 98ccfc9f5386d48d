package io.gatun.runtime.adapter;

import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Dropout;
import io.gatun.kernels.ops.LoraMatMul.LoraGradients;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import java.util.List;
import java.util.Optional;

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
   * @param room where t and u are made, beside x and dy
   * @param mask dropout of the input of A
   */
  record LowRank(
      List<LoraRows> rows, List<LoraGradients> gradients, Matrix t, Matrix u, Room room, Mask mask)
      implements Delta {}

  /** Memory that is kept free beside a matrix; in it, ranks and matrix are one operand. */
  interface Room {

    /** Nowhere. */
    Room NONE = (_, _) -> Optional.empty();

    /**
     * Columns right of a matrix.
     *
     * @param m the matrix
     * @param cols how many
     * @return in the rows of m; none where nothing is kept free
     */
    Optional<Matrix> beside(Matrix m, int cols);
  }

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
