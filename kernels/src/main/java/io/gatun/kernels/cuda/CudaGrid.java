package io.gatun.kernels.cuda;

import io.gatun.kernels.Matrix;

/**
 * How many blocks a launch has, and what they can have. Kernels work with any number: these give
 * every thread its share.
 */
public final class CudaGrid {
  private static final int THREADS = 256;
  private static final int WARP = 32;
  private static final int PIECE = 8; // neighbours, EIGHT of the prelude
  private static final int WARP_COLUMNS = 1024; // of a row that a warp works on, in rows.cuh

  private CudaGrid() {}

  /**
   * For a kernel of which a block takes all of a multiprocessor.
   *
   * @param device a GPU
   * @return its multiprocessors
   */
  public static int multiprocessors(CudaDevice device) {
    return device.context.gpu().multiprocessors();
  }

  /**
   * Shared memory that a block can have.
   *
   * @param device a GPU
   * @return at least {@link CudaDevice#SHARED_BYTES}, the variables of a kernel included
   */
  public static int sharedBytes(CudaDevice device) {
    return device.context.gpu().sharedBytes();
  }

  /**
   * For a kernel that walks over all elements by each_piece of the prelude.
   *
   * @param m the matrix it walks over
   * @return enough for a thread to have eight neighbours
   */
  public static int pieces(Matrix m) {
    return items(m.rows(), pieces(m.cols()));
  }

  /**
   * Pieces of eight neighbours.
   *
   * @param columns how many elements
   * @return how many pieces, of which the last may be shorter
   */
  public static int pieces(int columns) {
    return Math.ceilDiv(columns, PIECE);
  }

  /**
   * For a kernel that walks by each_item of the prelude.
   *
   * @param rows how many
   * @param count items of each row
   * @return enough for a thread to have one item
   */
  public static int items(long rows, long count) {
    return (int) Math.min(rows * Math.ceilDiv(count, THREADS), Integer.MAX_VALUE);
  }

  /**
   * For a kernel whose blocks take more than one item of their work each.
   *
   * @param items how many there are
   * @param each how many are worth a block
   * @return enough blocks
   */
  public static int blocks(long items, int each) {
    return (int) Math.min(Math.ceilDiv(items, each), Integer.MAX_VALUE);
  }

  /**
   * For a kernel that walks over rows by each_row of rows.cuh.
   *
   * @param rows how many
   * @param columns of each
   * @return a block for each row, or for as many short rows as it has warps
   */
  public static int teams(long rows, int columns) {
    long blocks = columns > WARP_COLUMNS ? rows : Math.ceilDiv(rows, THREADS / WARP);
    return (int) Math.min(blocks, Integer.MAX_VALUE);
  }
}
