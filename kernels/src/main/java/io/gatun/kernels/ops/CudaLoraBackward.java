package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cuda.CudaAdapters;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;

/**
 * One reading of dy for {@code u = dy s B} and {@code bSum += s dyᵀ t} of an adapter, where each
 * sibling's columns of dy meet its own ranks alone. With more than 16 ranks a sibling the parts of
 * sums, written and read, weigh more than a second reading of dy: cuBLASLt has those, and adapters
 * some of whose ranks are no sibling's or several siblings'.
 */
final class CudaLoraBackward {
  // As in lora_backward.cu.
  private static final int RANKS = 16;
  private static final int COLUMNS = 512;
  private static final int SHARED_BYTES =
      2 * 32 * (COLUMNS + 8) * 2 + 2 * 32 * (RANKS + 8) * 2 + 4 * 32 * RANKS * 4;

  private static final int WORD = 16; // bytes that are moved at a time
  private static final int EIGHT = 8; // elements of BF16 in it
  private static final int CHUNK = 512; // rows of a block
  private static final int NARROW_CHUNK = 256; // where few columns would leave a GPU idle
  private static final int NARROW = 8192;
  private static final long MOST_CHUNKS = 1 << 16;

  private final CudaDevice cuda;
  private final Matrix dy;
  private final Matrix t;
  private final LoraFactors factors;
  private final Matrix u;
  private final CudaAdapters adapters;
  private final int chunkRows;

  /**
   * For the rows of one adapter.
   *
   * @param dy (rows, out)
   * @param t (rows, ranks), of dy's type
   * @param factors the adapter
   * @param u (rows, ranks), of dy's type, written
   */
  CudaLoraBackward(CudaDevice cuda, Matrix dy, Matrix t, LoraFactors factors, Matrix u) {
    this.cuda = cuda;
    this.dy = dy;
    this.t = t;
    this.factors = factors;
    this.u = u;
    adapters = adapters(factors.siblings().stream().map(Sibling::b).toList());
    chunkRows = dy.cols() <= NARROW ? NARROW_CHUNK : CHUNK;
  }

  /** Whether the kernels take it: few ranks, and everything on multiples of 16 bytes. */
  boolean fits() {
    return dy.dtype() == DType.BF16
        && dy.rows() > 0
        && aligned(dy)
        && aligned(t)
        && aligned(u)
        && factors.siblings().stream().allMatch(CudaLoraBackward::fits)
        && eachRankHasOneSibling()
        && chunksOfColumns() > 0
        && mostRows() > 0
        && adapters.fit();
  }

  private boolean eachRankHasOneSibling() {
    var ranks = new BitSet();
    int count = 0;
    for (Sibling s : factors.siblings()) {
      ranks.set(s.firstRank(), s.firstRank() + s.b().cols());
      count += s.b().cols();
    }
    return count == factors.a().rows() && ranks.cardinality() == count;
  }

  private static boolean fits(Sibling s) {
    int odd = s.b().cols() | s.firstRank() | s.firstRow() | s.b().rows();
    return odd % EIGHT == 0 && s.b().cols() <= RANKS;
  }

  private static boolean aligned(Matrix m) {
    return m.offset() % WORD == 0 && m.rowStride() % EIGHT == 0;
  }

  /**
   * Writes u and adds to the gradients; only where it {@link #fits}.
   *
   * @param bSum of each sibling, of B's shape, F32
   */
  void run(List<Matrix> bSum) {
    var gradients = adapters(bSum);
    int most = mostRows();
    for (int first = 0; first < dy.rows(); first += most) {
      int count = Math.min(most, dy.rows() - first);
      long parts = chunksOfColumns() * Math.ceilDiv(count, chunkRows);
      cuda.launch(CudaKernel.LORA_BACKWARD)
          .shared(SHARED_BYTES)
          .matrix("dy", dy.rowSlice(first, count))
          .matrix("t", t.rowSlice(first, count))
          .adapters("lora", adapters)
          .integer("chunk_rows", chunkRows)
          .scratch("parts", bytes(count))
          .enqueue(CudaGrid.blocks(parts, 1));
      cuda.launch(CudaKernel.LORA_BACKWARD_SUMS)
          .matrix("u", u.rowSlice(first, count))
          .adapters("gradients", gradients)
          .count("columns", dy.cols())
          .integer("chunk_rows", chunkRows)
          .scratch("parts", bytes(count))
          .enqueue(CudaGrid.blocks((long) Math.max(count, dy.cols()) * RANKS / 4, 256));
    }
  }

  private CudaAdapters adapters(List<Matrix> b) {
    var list =
        IntStream.range(0, b.size())
            .mapToObj(i -> {
              Sibling s = factors.siblings().get(i);
              return new CudaAdapters.Factor(s.firstRow(), s.firstRank(), b.get(i), s.scale());
            })
            .toList();
    return new CudaAdapters(List.of(new CudaAdapters.Run(0, dy.rows(), factors.a(), list)));
  }

  private long chunksOfColumns() {
    return factors.siblings().stream().mapToLong(s -> Math.ceilDiv(s.b().rows(), COLUMNS)).sum();
  }

  /** Of the parts that so many rows leave. */
  private long bytes(int rows) {
    long ofB = (long) Math.ceilDiv(rows, chunkRows) * dy.cols();
    return (chunksOfColumns() * rows + ofB) * RANKS * Float.BYTES;
  }

  /** Rows whose parts the scratch holds, in whole chunks. */
  private int mostRows() {
    long chunks = CudaDevice.SCRATCH_BYTES / bytes(chunkRows);
    return (int) (Math.min(chunks, MOST_CHUNKS) * chunkRows);
  }
}
