package io.gatun.runtime.model;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import java.util.Optional;

/**
 * The allocation of a {@link SliceTable}.
 *
 * @param table what lies where
 * @param buffer the memory
 */
record Slab(SliceTable table, Buffer buffer) {

  /** The first rows of a slice. */
  Matrix matrix(String name, int rows) {
    var slice = table.slice(name);
    return cut(slice, rows, slice.cols(), slice.stride());
  }

  /** A matrix without gaps at the beginning of a slice that is at least as large. */
  Matrix matrix(String name, int rows, int cols) {
    return cut(table.slice(name), rows, cols, cols);
  }

  private Matrix cut(SliceTable.Slice slice, int rows, int cols, int stride) {
    if ((long) rows * stride > (long) slice.rows() * slice.stride()) {
      throw new IllegalArgumentException(
          "%s has room for %dx%d, not for %dx%d"
              .formatted(slice.name(), slice.rows(), slice.cols(), rows, cols));
    }
    return new Matrix(buffer, slice.offset(), slice.dtype(), rows, cols, stride);
  }

  /** So many columns right of a matrix, in its rows; none where they are not its slice's room. */
  Optional<Matrix> beside(Matrix m, int cols) {
    return Optional.of(m)
        .filter(own -> own.buffer() == buffer)
        .flatMap(own -> table.roomy(own.offset()))
        .filter(s -> m.cols() == s.cols() && m.rowStride() == s.stride() && cols <= s.room())
        .map(s -> cut(s, m.rows(), s.cols() + cols, s.stride()).colSlice(s.cols(), cols));
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
