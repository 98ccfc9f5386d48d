package io.gatun.kernels.ops;

import io.gatun.kernels.Activation;
import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Weight;
import io.gatun.kernels.cuda.CudaAdapters;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;
import io.gatun.kernels.cuda.CudaLaunch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
  private static final int NO_GATE = -1;
  private static final int SPAN = 4; // columns of tiles
  private static final int GROUP = 8; // tokens
  private static final int TABLE_BYTES = 64 << 10;
  private static final int STATIC_BYTES = 2 << 10; // shared variables of the kernels, at most
  private static final int LARGE_GPU = 132; // multiprocessors

  private CudaNf4MatVec() {}

  /**
   * What a product goes into.
   *
   * @param bias added to the product
   * @param residual added to the sum; may be y
   * @param gate y = f(gate) * up, which are the halves of the product
   * @param y the result
   */
  record Into(
      Optional<Matrix> bias, Optional<Matrix> residual, Optional<Activation> gate, Matrix y) {}

  /**
   * What adapters add.
   *
   * @param adapters some
   * @param t rows of x times A of their adapters
   */
  record Low(CudaAdapters adapters, Matrix t) {}

  /** Whether the kernel takes these operands. */
  static boolean takes(Matrix x, Weight w, Into into) {
    return into.gate().isEmpty() ? takes(x, w) : takes(x, w) && paired((Nf4Matrix) w);
  }

  /** Gate above up, of equal rows. */
  private static boolean paired(Nf4Matrix w) {
    return w.bands().size() == 2
        && ofOneCode(w.bands())
        && w.bands().get(0).rows() == w.bands().get(1).rows();
  }

  private static boolean takes(Matrix x, Weight w) {
    return x.dtype() == DType.BF16
        && x.rows() <= MOST_ROWS
        && x.offset() % ALIGNMENT == 0
        && x.rowStride() * x.dtype().bytes() % ALIGNMENT == 0
        && w instanceof Nf4Matrix m
        && !m.exact()
        && m.bands().stream().allMatch(CudaNf4MatVec::takes);
  }

  private static boolean takes(Band band) {
    return band.layout() == Layout.TILED
        && band.cols() > 0
        && (long) band.rows() * band.cols() / Layout.TILE_COLS < Integer.MAX_VALUE;
  }

  /** A kernel for up to so many rows of x, with numbers that stand in its source. */
  private enum Shape {
    ONE(CudaKernel.NF4_MAT_VEC_1, CudaKernel.NF4_MAT_VEC_LORA_1, 1, 16),
    EIGHT(CudaKernel.NF4_MAT_VEC_8, CudaKernel.NF4_MAT_VEC_LORA_8, 8, 16),
    SIXTEEN(CudaKernel.NF4_MAT_VEC_16, CudaKernel.NF4_MAT_VEC_LORA_16, 16, 16),
    MOST(CudaKernel.NF4_MAT_VEC_32, CudaKernel.NF4_MAT_VEC_LORA_32, MOST_ROWS, 12);

    final CudaKernel plain;
    final CudaKernel adapted;
    final int rows;
    final int warps;

    Shape(CudaKernel plain, CudaKernel adapted, int rows, int warps) {
      this.plain = plain;
      this.adapted = adapted;
      this.rows = rows;
      this.warps = warps;
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
   * @param chunk columns of tiles for which there is room: for all, or for these twice
   * @param sharedBytes what a block needs
   */
  private record Cut(int parts, int chunk, int sharedBytes) {
    static Cut of(Shape shape, int strips, int cols, int sharedBytes) {
      int tileBytes = Layout.TILE_COLS * DType.BF16.bytes() * shape.rows;
      int room = (sharedBytes - STATIC_BYTES - TABLE_BYTES) / tileBytes;
      int tiles = cols / Layout.TILE_COLS;
      int parts = shape.warps;
      while (parts > 1 && (parts * SPAN > room / 2 || strips * parts > LARGE_GPU * shape.warps)) {
        do {
          parts--;
        } while (shape.warps % parts != 0);
      }
      int span = parts * SPAN;
      int all = Math.ceilDiv(tiles, span) * span;
      int chunk = all <= room ? all : room / 2 / span * span;
      int sums = shape.warps * GROUP * STRIP * Float.BYTES;
      int staged = (all <= room ? chunk : 2 * chunk) * tileBytes;
      return new Cut(parts, chunk, TABLE_BYTES + Math.max(staged, sums));
    }
  }

  static void run(CudaDevice cuda, Matrix x, Nf4Matrix w, Into into, Optional<Low> low) {
    int first = 0;
    for (Nf4Matrix bands : groups(w)) {
      launch(cuda, x, bands, first, into, low);
      first += bands.rows();
    }
  }

  private static void launch(
      CudaDevice cuda, Matrix x, Nf4Matrix w, int first, Into into, Optional<Low> low) {
    boolean paired = into.gate().isPresent();
    int strips =
        paired
            ? Math.ceilDiv(w.bands().getFirst().rows(), Layout.TILE_ROWS)
            : w.bands().stream().mapToInt(b -> Math.ceilDiv(b.rows(), STRIP)).sum();
    var shape = Shape.of(x.rows());
    var cut = Cut.of(shape, strips, w.cols(), CudaGrid.sharedBytes(cuda));
    Matrix y = paired ? into.y() : into.y().colSlice(first, w.rows());
    var launch = cuda.launch(low.isPresent() ? shape.adapted : shape.plain);
    launch.matrix("x", x).bands("w", w, paired);
    if (into.bias().isPresent()) {
      Matrix bias = into.bias().get().colSlice(first, w.rows());
      launch.pointer("bias", bias.buffer(), bias.offset());
    } else {
      launch.absent("bias");
    }
    if (into.residual().isPresent()) {
      launch.matrix("residual", into.residual().get().colSlice(first, y.cols()));
    } else {
      launch.matrix("residual", y); // and not read
    }
    launch.integer("add", into.residual().isPresent() ? 1 : 0);
    launch.integer("activation", paired ? into.gate().get().ordinal() : NO_GATE);
    launch.matrix("y", y).integer("parts", cut.parts()).integer("chunk", cut.chunk());
    if (low.isPresent()) {
      launch.matrix("t", low.get().t()).integer("first_row", first);
      launch.adapters("lora", low.get().adapters());
    }
    int blocks = Math.min(CudaGrid.multiprocessors(cuda), strips);
    launch.shared(cut.sharedBytes()).mayBeginEarly().enqueue(x.rows() == 0 ? 0 : blocks);
  }

  /** Neighbouring bands of the same code, as many as a launch takes. */
  private static List<Nf4Matrix> groups(Nf4Matrix w) {
    if (w.bands().size() <= CudaLaunch.MOST_BANDS && ofOneCode(w.bands())) {
      return List.of(w);
    }
    var groups = new ArrayList<Nf4Matrix>();
    for (int i = 0, end; i < w.bands().size(); i = end) {
      end = i + 1;
      while (end < Math.min(i + CudaLaunch.MOST_BANDS, w.bands().size())
          && ofOneCode(w.bands().subList(i, end + 1))) {
        end++;
      }
      groups.add(Nf4Matrix.of(w.bands().subList(i, end)));
    }
    return groups;
  }

  private static boolean ofOneCode(List<Band> bands) {
    return bands.stream().allMatch(b -> b.code() == bands.getFirst().code());
  }
}
