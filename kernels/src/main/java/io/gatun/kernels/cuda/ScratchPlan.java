package io.gatun.kernels.cuda;

import io.gatun.kernels.DType;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The memory that a GPU will keep for itself, told before: what it always keeps, and for each
 * purpose the largest matrix.
 */
public final class ScratchPlan {
  private final TreeMap<String, Long> byName = new TreeMap<>();

  /** What is kept whatever is computed. */
  public ScratchPlan() {
    byName.put(CudaMemory.SCRATCH, CudaMemory.KEPT_BYTES);
    byName.put(CudaFaults.NAME, CudaFaults.BYTES);
  }

  /**
   * A matrix that will be asked for.
   *
   * @param purpose what for
   * @param dtype type of the elements
   * @param rows most rows
   * @param cols most columns
   */
  public void add(Scratch purpose, DType dtype, int rows, int cols) {
    byName.merge(purpose.title(), purpose.bytes(dtype, rows, cols), Math::max);
  }

  /**
   * A weight that will be prepared: in two places by turns.
   *
   * @param dtype type it is used in
   * @param rows rows of all that is prepared
   * @param cols columns
   */
  public void addWeight(DType dtype, int rows, int cols) {
    add(Scratch.WEIGHT, dtype, rows, cols);
    add(Scratch.NEXT_WEIGHT, dtype, rows, cols);
  }

  /**
   * All of it.
   *
   * @return bytes by the names that they will have
   */
  public SortedMap<String, Long> byName() {
    return byName;
  }
}
