package io.gatun.kernels.ops;

import io.gatun.kernels.Activation;
import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;
import io.gatun.kernels.cuda.CudaProduct;
import io.gatun.kernels.cuda.Scratch;
import io.gatun.kernels.cuda.ScratchPlan;
import io.gatun.kernels.ops.CudaNf4MatVec.Into;
import io.gatun.kernels.ops.TrainingScratch.FrozenWeight;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * {@link MatMul} on a GPU. A weight that is not of the compute type is decoded into the device's
 * own memory, and cuBLASLt multiplies; few rows are multiplied by a 4-bit weight as it is.
 */
final class CudaMatMul {
  private static final int RESULT_BYTES = 64 << 20; // of results that wait for their rounding
  private static final int PLACED_BY_A_BLOCK = 256; // pieces

  private CudaMatMul() {}

  static void forward(
      CudaDevice cuda, Matrix x, Weight w, Optional<Matrix> bias, Matrix y, boolean add) {
    var residual = add ? Optional.of(y) : Optional.<Matrix>empty();
    if (!few(cuda, x, w, new Into(bias, residual, Optional.empty(), y))) {
      withWeight(cuda, w, x.dtype(), v -> product(cuda, "mat_mul", x, v, true, bias, y, add));
    }
  }

  static void forwardPlus(
      CudaDevice cuda, Matrix x, Weight w, Optional<Matrix> bias, Matrix residual, Matrix y) {
    if (!few(cuda, x, w, new Into(bias, Optional.of(residual), Optional.empty(), y))) {
      forward(cuda, x, w, bias, y, false);
      Add.run(residual, y);
    }
  }

  static void forwardGlu(
      CudaDevice cuda,
      Matrix x,
      Weight w,
      Optional<Matrix> bias,
      Activation f,
      Matrix gateUp,
      Matrix h) {
    if (!few(cuda, x, w, new Into(bias, Optional.empty(), Optional.of(f), h))) {
      forward(cuda, x, w, bias, gateUp, false);
      Glu.forward(f, gateUp, h);
    }
  }

  private static boolean few(CudaDevice cuda, Matrix x, Weight w, Into into) {
    boolean takes = CudaNf4MatVec.takes(x, w, into);
    if (takes) {
      CudaNf4MatVec.run(cuda, x, (Nf4Matrix) w, into, Optional.empty());
    }
    return takes;
  }

  static void backward(CudaDevice cuda, Matrix dy, Weight w, Matrix dx, boolean add) {
    withWeight(
        cuda,
        w,
        dy.dtype(),
        v -> product(cuda, "mat_mul", dy, v, false, Optional.empty(), dx, add));
  }

  private static void withWeight(CudaDevice cuda, Weight w, DType dtype, Consumer<Matrix> use) {
    if (w instanceof Matrix m && m.dtype() == dtype) {
      use.accept(m);
      return;
    }
    kept(w, dtype, w.rows(), w.cols())
        .ifPresentOrElse(
            use,
            () -> cuda.products().withWeight(dtype, w.rows(), w.cols(), v -> decode(w, v), use));
  }

  /** Values that were decoded before, with so many rows and columns in all. */
  static Optional<Matrix> kept(Weight w, DType dtype, int rows, int cols) {
    return switch (w) {
      case Matrix _ -> Optional.empty();
      case Nf4Matrix m ->
          m.decoded()
              .filter(v -> v.dtype() == dtype && v.rows() >= rows && v.cols() >= cols)
              .map(v -> v.rowSlice(0, rows).colSlice(0, cols));
    };
  }

  /** Enters what forward and backward take of the device's own memory. */
  static void plan(ScratchPlan plan, DType compute, int tokens, FrozenWeight w) {
    if (!w.kept() && !w.stored().equals(Optional.of(compute))) {
      plan.addWeight(compute, w.out(), w.in());
    }
    planResult(plan, compute, tokens, w);
  }

  /** Enters the results that {@link #product} cannot round at once. */
  static void planResult(ScratchPlan plan, DType compute, int tokens, FrozenWeight w) {
    if (compute != DType.F32 && w.biased()) {
      plan.add(Scratch.RESULT, DType.F32, Math.min(tokens, mostRows(w.out())), w.out());
    }
  }

  /** The values of a weight in another type. */
  static void decode(Weight w, Matrix to) {
    switch (w) {
      case Matrix m -> Cast.run(m, to);
      case Nf4Matrix m -> Nf4Dequantize.run(m, to);
    }
  }

  /**
   * y = a b + bias, with b turned over or not, in whatever types. What cuBLASLt cannot round once
   * by itself, it leaves in F32 a number of rows at a time.
   */
  static void product(
      CudaDevice cuda,
      String op,
      Matrix a,
      Matrix b,
      boolean turnB,
      Optional<Matrix> bias,
      Matrix y,
      boolean add) {
    if (a.cols() == 0) {
      withoutTerms(cuda, bias, y, add);
    } else if (y.dtype() == DType.F32 || y.dtype() == a.dtype() && bias.isEmpty()) {
      cuda.products().multiply(new CudaProduct(op, a, false, b, turnB, y, 1, bias, add));
    } else {
      int most = mostRows(y.cols());
      for (int first = 0; first < y.rows(); first += most) {
        int count = Math.min(most, y.rows() - first);
        Matrix part = y.rowSlice(first, count);
        Matrix sum = cuda.products().scratch(Scratch.RESULT, DType.F32, count, y.cols());
        if (add) {
          Cast.run(part, sum);
        }
        product(cuda, op, a.rowSlice(first, count), b, turnB, bias, sum, add);
        Cast.run(sum, part);
      }
    }
  }

  /** Rows of a result that wait for their rounding at a time. */
  private static int mostRows(int cols) {
    return Math.max(1, RESULT_BYTES / Float.BYTES / Math.max(1, cols));
  }

  private static void withoutTerms(CudaDevice cuda, Optional<Matrix> bias, Matrix y, boolean add) {
    if (!add) {
      zero(cuda, y);
    }
    for (int i = 0; i < y.rows() && bias.isPresent(); i++) {
      Add.run(bias.get(), y.rowSlice(i, 1));
    }
  }

  /** to = 0. */
  static void zero(CudaDevice cuda, Matrix to) {
    place(cuda, to.rowSlice(0, 0), to, 0, 0, 1);
  }

  /** to = scale * from at a row and column of it, and 0 elsewhere. */
  static void place(
      CudaDevice cuda, Matrix from, Matrix to, int firstRow, int firstCol, float scale) {
    cuda.launch(CudaKernel.PLACE)
        .matrix("from", from)
        .matrix("to", to)
        .count("first_row", firstRow)
        .count("first_col", firstCol)
        .number("scale", scale)
        .enqueue(CudaGrid.blocks((long) to.rows() * CudaGrid.pieces(to.cols()), PLACED_BY_A_BLOCK));
  }
}
