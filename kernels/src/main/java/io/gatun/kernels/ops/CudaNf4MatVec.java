package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Weight;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;
import java.util.Arrays;
import java.util.Optional;

/**
 * Products of few rows with a 4-bit weight on a GPU, which are bound by reading the weight. Its
 * codes are decoded on the way, rounded to BF16; the scale of a block is multiplied with the sum of
 * its products. That is not the rounded product of both which {@link Nf4Dequantize} gives and which
 * more rows are multiplied with, but as near to the weight.
 */
final class CudaNf4MatVec {
  /** Up to this many rows; more are worth decoding the weight first. */
  static final int MOST_ROWS = 32;

  private static final int ALIGNMENT = 16; // bytes, of eight neighbours of x

  private static final int STRIP = 32; // rows of a warp
  private static final int GROUP = 8; // tokens
  private static final int TABLE_BYTES = 64 << 10;
  private static final int STATIC_BYTES = 2 << 10; // shared variables of the kernels, at most
  private static final int LARGE_GPU = 132; // multiprocessors

  private CudaNf4MatVec() {}

  /** Whether the kernel takes these operands. */
  static boolean takes(Matrix x, Weight w) {
    return x.dtype() == DType.BF16
        && x.rows() <= MOST_ROWS
        && x.offset() % ALIGNMENT == 0
        && x.rowStride() * x.dtype().bytes() % ALIGNMENT == 0
        && w instanceof Nf4Matrix m
        && m.bands().stream().allMatch(CudaNf4MatVec::takes);
  }

  private static boolean takes(Band band) {
    return band.layout() == Layout.TILED
        && band.cols() > 0
        && (long) band.rows() * band.cols() / Layout.TILE_COLS < Integer.MAX_VALUE;
  }

  /** A kernel for up to so many rows of x, with numbers that stand in its source. */
  private enum Shape {
    ONE(CudaKernel.NF4_MAT_VEC_1, 1, 32, 2),
    EIGHT(CudaKernel.NF4_MAT_VEC_8, 8, 24, 2),
    SIXTEEN(CudaKernel.NF4_MAT_VEC_16, 16, 16, 4),
    MOST(CudaKernel.NF4_MAT_VEC_32, MOST_ROWS, 12, 2);

    final CudaKernel kernel;
    final int rows;
    final int warps;
    final int ahead; // columns of tiles that a warp asks for before it needs them

    Shape(CudaKernel kernel, int rows, int warps, int ahead) {
      this.kernel = kernel;
      this.rows = rows;
      this.warps = warps;
      this.ahead = ahead;
    }

    static Shape of(int rows) {
      return Arrays.stream(values()).filter(s -> rows <= s.rows).findFirst().orElseThrow();
    }
  }

  /**
   * How the columns of a strip of rows are cut. The fewer strips, the more parts, so that a large
   * GPU has work for all its warps; each needs room for x.
   *
   * @param parts of the columns
   * @param tiles of a part
   * @param chunk columns of tiles of each part for which there is room, twice
   * @param sharedBytes what a block needs
   */
  private record Cut(int parts, int tiles, int chunk, int sharedBytes) {
    static Cut of(Shape shape, int rows, int cols, int sharedBytes) {
      int tileBytes = Layout.TILE_COLS * DType.BF16.bytes() * shape.rows;
      int room = (sharedBytes - STATIC_BYTES - TABLE_BYTES) / 2 / tileBytes;
      int strips = Math.ceilDiv(rows, STRIP);
      int parts = shape.warps;
      while (parts > 1
          && (parts * shape.ahead > room || strips * parts > LARGE_GPU * shape.warps)) {
        do {
          parts--;
        } while (shape.warps % parts != 0);
      }
      int tiles = Math.ceilDiv(Math.ceilDiv(cols / Layout.TILE_COLS, parts), 4) * 4;
      int chunk = Math.min(tiles, room / parts / shape.ahead * shape.ahead);
      int sums = shape.warps * GROUP * STRIP * Float.BYTES;
      return new Cut(
          parts, tiles, chunk, TABLE_BYTES + Math.max(2 * parts * chunk * tileBytes, sums));
    }
  }

  static void run(
      CudaDevice cuda, Matrix x, Nf4Matrix w, Optional<Matrix> bias, Matrix y, boolean add) {
    int first = 0;
    var shape = Shape.of(x.rows());
    for (Band band : w.bands()) {
      Matrix part = y.colSlice(first, band.rows());
      long skipped = (long) first * Float.BYTES;
      var cut = Cut.of(shape, band.rows(), band.cols(), CudaGrid.sharedBytes(cuda));
      var launch = cuda.launch(shape.kernel).matrix("x", x).band("w", band);
      if (bias.isPresent()) {
        launch.pointer("bias", bias.get().buffer(), bias.get().offset() + skipped);
      } else {
        launch.absent("bias");
      }
      launch.matrix("y", part).integer("add", add ? 1 : 0);
      launch.integer("parts", cut.parts()).integer("part_tiles", cut.tiles());
      launch.integer("chunk_tiles", cut.chunk()).shared(cut.sharedBytes());
      int blocks = Math.min(CudaGrid.multiprocessors(cuda), Math.ceilDiv(band.rows(), STRIP));
      launch.enqueue(x.rows() == 0 ? 0 : blocks);
      first += band.rows();
    }
  }
}
