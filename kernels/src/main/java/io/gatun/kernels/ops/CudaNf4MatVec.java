package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Weight;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaKernel;
import java.util.Optional;

/**
 * Products of few rows with a 4-bit weight on a GPU, which are bound by reading the weight: it is
 * decoded on the way.
 */
final class CudaNf4MatVec {
  /** Up to this many rows; more are worth decoding the weight first. */
  static final int MOST_ROWS = 32;

  private static final int ALIGNMENT = 16; // bytes, of eight neighbours of x

  private CudaNf4MatVec() {}

  /** Whether the kernel takes these operands. */
  static boolean takes(Matrix x, Weight w) {
    return x.dtype() == DType.BF16
        && x.rows() <= MOST_ROWS
        && x.offset() % ALIGNMENT == 0
        && x.rowStride() * x.dtype().bytes() % ALIGNMENT == 0
        && w instanceof Nf4Matrix m
        && m.bands().stream().allMatch(b -> b.layout() == Layout.TILED);
  }

  static void run(
      CudaDevice cuda, Matrix x, Nf4Matrix w, Optional<Matrix> bias, Matrix y, boolean add) {
    int first = 0;
    for (Band band : w.bands()) {
      Matrix part = y.colSlice(first, band.rows());
      long skipped = (long) first * Float.BYTES;
      var launch = cuda.launch(CudaKernel.NF4_MAT_VEC).matrix("x", x).band("w", band);
      if (bias.isPresent()) {
        launch.pointer("bias", bias.get().buffer(), bias.get().offset() + skipped);
      } else {
        launch.absent("bias");
      }
      launch
          .matrix("y", part)
          .integer("add", add ? 1 : 0)
          .enqueue(x.rows() == 0 ? 0 : Math.ceilDiv(band.rows(), Layout.TILE_ROWS));
      first += band.rows();
    }
  }
}
