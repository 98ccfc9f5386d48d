package io.gatun.kernels.cuda;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import java.util.Optional;

/**
 * A matrix product {@code y = scale * a b + bias}, or {@code y += …}, each sum in F32 and rounded
 * once.
 *
 * @param op whose product it is, for messages
 * @param a (rows, depth), F32 or BF16
 * @param turnA whether a is stored as (depth, rows)
 * @param b (depth, cols), of a's type
 * @param turnB whether b is stored as (cols, depth)
 * @param y (rows, cols), F32, or of a's type
 * @param scale factor
 * @param bias (1, cols), F32; only with y of F32
 * @param add whether the product is added to y
 */
public record CudaProduct(
    String op,
    Matrix a,
    boolean turnA,
    Matrix b,
    boolean turnB,
    Matrix y,
    float scale,
    Optional<Matrix> bias,
    boolean add) {
  /** Refuses what does not fit together, before native code sees it. */
  public CudaProduct {
    int depth = turnA ? a.rows() : a.cols();
    if ((turnA ? a.cols() : a.rows()) != y.rows()
        || (turnB ? b.cols() : b.rows()) != depth
        || (turnB ? b.rows() : b.cols()) != y.cols()
        || a.dtype() == DType.F16
        || a.dtype() != b.dtype()
        || y.dtype() != DType.F32 && y.dtype() != a.dtype()
        || bias.isPresent() && (y.dtype() != DType.F32 || bias.get().cols() != y.cols())) {
      throw new IllegalArgumentException(
          "%s: no product of %s and %s gives %s"
              .formatted(op, shown(a, turnA), shown(b, turnB), y.shape()));
    }
  }

  /**
   * The product of two matrices.
   *
   * @param op whose
   * @param a left operand
   * @param b right operand
   * @param y result
   * @return y = a b
   */
  public static CudaProduct of(String op, Matrix a, Matrix b, Matrix y) {
    return new CudaProduct(op, a, false, b, false, y, 1, Optional.empty(), false);
  }

  /**
   * The product with the right operand turned over.
   *
   * @param op whose
   * @param a left operand
   * @param b right operand, turned over
   * @param y result
   * @return y = a bᵀ
   */
  public static CudaProduct byTransposed(String op, Matrix a, Matrix b, Matrix y) {
    return new CudaProduct(op, a, false, b, true, y, 1, Optional.empty(), false);
  }

  /**
   * What a gradient is made of.
   *
   * @param op whose
   * @param a left operand, turned over
   * @param b right operand
   * @param ySum result
   * @return ySum += aᵀ b
   */
  public static CudaProduct ofTransposed(String op, Matrix a, Matrix b, Matrix ySum) {
    return new CudaProduct(op, a, true, b, false, ySum, 1, Optional.empty(), true);
  }

  /**
   * With a factor.
   *
   * @param factor factor
   * @return a product
   */
  public CudaProduct times(float factor) {
    return new CudaProduct(op, a, turnA, b, turnB, y, factor, bias, add);
  }

  /**
   * Added to what y holds, or not.
   *
   * @param added whether
   * @return a product
   */
  public CudaProduct adding(boolean added) {
    return new CudaProduct(op, a, turnA, b, turnB, y, scale, bias, added);
  }

  /**
   * With a bias.
   *
   * @param added a bias or none
   * @return a product
   */
  public CudaProduct plus(Optional<Matrix> added) {
    return new CudaProduct(op, a, turnA, b, turnB, y, scale, added, add);
  }

  /** Terms of a sum. */
  int depth() {
    return turnA ? a.rows() : a.cols();
  }

  private static String shown(Matrix m, boolean turned) {
    return m.shape() + (turned ? " transposed" : "");
  }

  @Override
  public String toString() {
    return "%s: %s by %s into %s".formatted(op, shown(a, turnA), shown(b, turnB), y.shape());
  }
}
