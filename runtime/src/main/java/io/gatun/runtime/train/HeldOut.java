package io.gatun.runtime.train;

import io.gatun.runtime.generate.ExactMatch;
import java.util.List;
import java.util.Optional;

/**
 * What an adapter is measured on while it is trained.
 *
 * @param rows rows whose loss is measured
 * @param lines lines of the training file that these rows are; none if they have a file of their
 *     own
 * @param questions prompts to be answered, if the exact match is wanted
 */
public record HeldOut(Dataset rows, List<Integer> lines, Optional<ExactMatch> questions) {
  /** Copies the lines. */
  public HeldOut {
    lines = List.copyOf(lines);
  }

  /**
   * Rows whose loss is measured.
   *
   * @param rows from a file of their own
   * @return them, without questions
   */
  public static HeldOut of(Dataset rows) {
    return new HeldOut(rows, List.of(), Optional.empty());
  }
}
