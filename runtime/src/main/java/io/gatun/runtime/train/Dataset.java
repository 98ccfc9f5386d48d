package io.gatun.runtime.train;

import java.util.List;

/** Rows as tokens, with marks on those that are learned. Immutable. */
public final class Dataset {
  private final List<Example> rows;
  private final DatasetStatistics statistics;

  Dataset(List<Example> rows, DatasetStatistics statistics) {
    this.rows = List.copyOf(rows);
    this.statistics = statistics;
  }

  /**
   * Rows that are tokens already.
   *
   * @param name what messages call them
   * @param rows at least one, each with a learned token after its first
   * @return the rows
   * @throws DatasetException where a row has nothing to learn, or there is none
   */
  public static Dataset of(String name, List<Example> rows) {
    if (rows.isEmpty()) {
      throw new DatasetException(name + " holds no row; training needs at least one.");
    }
    for (Example row : rows) {
      if (row.supervised() == 0) {
        throw new DatasetException(
            "%s, row %d: no token after the first is marked as learned; mark one or leave the row out."
                .formatted(name, row.line()));
      }
    }
    return new Dataset(rows, DatasetStatistics.of(name, "tokens", rows));
  }

  /**
   * Number of rows.
   *
   * @return at least 1
   */
  public int size() {
    return rows.size();
  }

  /**
   * One row.
   *
   * @param index from 0
   * @return its tokens
   */
  public Example row(int index) {
    return rows.get(index);
  }

  /**
   * All rows.
   *
   * @return in the order of the file
   */
  public List<Example> rows() {
    return rows;
  }

  /**
   * Counts, for messages and metrics.
   *
   * @return the counts
   */
  public DatasetStatistics statistics() {
    return statistics;
  }
}
