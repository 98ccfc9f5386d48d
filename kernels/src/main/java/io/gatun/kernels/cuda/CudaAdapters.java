package io.gatun.kernels.cuda;

import io.gatun.kernels.Matrix;
import java.util.List;

/**
 * Adapters of rows of x, as a launch passes them by value: struct Lora of lora.cuh.
 *
 * @param runs rows with their adapters; ascending, without overlap, at most {@value #MOST_RUNS}
 *     with at most {@value #MOST_FACTORS} factors together
 */
public record CudaAdapters(List<Run> runs) {
  private static final int MOST_RUNS = 32;
  private static final int MOST_FACTORS = 64;

  /** Size of a run, and of a factor: an address and six numbers. */
  static final int ENTRY_BYTES = 32;

  /** Where the first run lies, after their number. */
  static final int RUNS_AT = Long.BYTES;

  /** Where the first factor lies. */
  static final int FACTORS_AT = RUNS_AT + MOST_RUNS * ENTRY_BYTES;

  /** Size of all. */
  static final int BYTES = FACTORS_AT + MOST_FACTORS * ENTRY_BYTES;

  /**
   * Rows that use an adapter.
   *
   * @param firstRow first row of x
   * @param endRow row after the last
   * @param a (ranks, in), F32
   * @param factors what its ranks are multiplied with
   */
  public record Run(int firstRow, int endRow, Matrix a, List<Factor> factors) {
    /** Copies the list. */
    public Run {
      factors = List.copyOf(factors);
    }
  }

  /**
   * Rows of the weight that an adapter adds to.
   *
   * @param firstRow first row of the weight
   * @param firstRank first rank of A
   * @param b (rows, ranks), F32
   * @param scale factor of b
   */
  public record Factor(int firstRow, int firstRank, Matrix b, float scale) {}

  /** Copies the list. */
  public CudaAdapters {
    runs = List.copyOf(runs);
  }

  /**
   * Whether a launch can pass them.
   *
   * @return true unless there are too many
   */
  public boolean fit() {
    return runs.size() <= MOST_RUNS
        && runs.stream().mapToInt(r -> r.factors().size()).sum() <= MOST_FACTORS;
  }
}
