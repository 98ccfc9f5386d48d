package io.gatun.runtime.model;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;

/**
 * The allocation of a {@link SliceTable}.
 *
 * @param table what lies where
 * @param buffer the memory
 */
record Slab(SliceTable table, Buffer buffer) {

  /** The first rows of a slice. */
  Matrix matrix(String name, int rows) {
    return matrix(name, rows, table.slice(name).cols());
  }

  /** A matrix without gaps at the beginning of a slice that is at least as large. */
  Matrix matrix(String name, int rows, int cols) {
    var slice = table.slice(name);
    if ((long) rows * cols > (long) slice.rows() * slice.cols()) {
      throw new IllegalArgumentException(
          "%s has room for %dx%d, not for %dx%d"
              .formatted(name, slice.rows(), slice.cols(), rows, cols));
    }
    return Matrix.of(buffer, slice.offset(), slice.dtype(), rows, cols);
  }

  /** The first integers of a slice. */
  Ints ints(String name, int length) {
    var slice = table.slice(name);
    if (length > slice.cols()) {
      throw new IllegalArgumentException(
          "%s has room for %d, not for %d".formatted(name, slice.cols(), length));
    }
    return new Ints(buffer, slice.offset(), length);
  }
}
