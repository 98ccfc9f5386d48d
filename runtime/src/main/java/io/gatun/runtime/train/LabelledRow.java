package io.gatun.runtime.train;

import io.gatun.runtime.model.ClassifierRow;

/**
 * One row of classification data as the model sees it.
 *
 * @param row tokens, types and what should be said of them
 * @param line line of its file, from 1
 */
public record LabelledRow(ClassifierRow row, int line) implements TokenRow {
  @Override
  public int[] ids() {
    return row.ids();
  }

  @Override
  public int supervised() {
    return 1;
  }
}
