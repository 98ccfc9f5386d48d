package io.gatun.kernels;

import java.lang.foreign.Arena;

/**
 * A view of a buffer as rows and columns: element (i, j) lies at offset + (i * rowStride + j) *
 * dtype.bytes().
 *
 * @param buffer the memory
 * @param offset bytes before the first element; a multiple of the element size
 * @param dtype type of the elements
 * @param rows rows, may be 0
 * @param cols columns, may be 0
 * @param rowStride elements from one row to the next, at least cols
 */
public record Matrix(Buffer buffer, long offset, DType dtype, int rows, int cols, int rowStride)
    implements Weight {
  /** Refuses a view that is not wholly inside the buffer. */
  public Matrix {
    if (rows < 0 || cols < 0 || rowStride < cols || offset < 0 || offset % dtype.bytes() != 0) {
      throw new IllegalArgumentException(
          "a %dx%d %s matrix with row stride %d at byte %d of buffer %s: sizes must not be negative, the stride not"
                  .formatted(rows, cols, dtype, rowStride, offset, buffer.name())
              + " below the columns, the offset a multiple of the element size");
    }
    long elements = rows == 0 || cols == 0 ? 0 : (rows - 1L) * rowStride + cols;
    if (offset > buffer.bytes() || elements > (buffer.bytes() - offset) / dtype.bytes()) {
      throw new IllegalArgumentException(
          "a %dx%d %s matrix with row stride %d at byte %d does not fit in the %d bytes of buffer %s"
              .formatted(rows, cols, dtype, rowStride, offset, buffer.bytes(), buffer.name()));
    }
  }

  /**
   * A new zeroed matrix in a buffer of its own.
   *
   * @param device where
   * @param name name of the buffer
   * @param dtype type of the elements
   * @param rows rows
   * @param cols columns
   * @param arena frees the buffer when it closes
   * @return the matrix
   */
  public static Matrix allocate(
      Device device, String name, DType dtype, int rows, int cols, Arena arena) {
    return of(device.allocate(name, bytes(dtype, rows, cols), arena), 0, dtype, rows, cols);
  }

  /**
   * A view without gaps between rows.
   *
   * @param buffer the memory
   * @param offset bytes before the first element
   * @param dtype type of the elements
   * @param rows rows
   * @param cols columns
   * @return the view
   */
  public static Matrix of(Buffer buffer, long offset, DType dtype, int rows, int cols) {
    return new Matrix(buffer, offset, dtype, rows, cols, cols);
  }

  /**
   * Bytes of a matrix without gaps.
   *
   * @param dtype type of the elements
   * @param rows rows
   * @param cols columns
   * @return rows * cols * element size
   */
  public static long bytes(DType dtype, int rows, int cols) {
    if (rows < 0 || cols < 0) {
      throw new IllegalArgumentException("a matrix cannot be %dx%d".formatted(rows, cols));
    }
    return Math.multiplyExact(Math.multiplyExact((long) rows, (long) cols), (long) dtype.bytes());
  }

  /**
   * Some rows.
   *
   * @param first the first
   * @param count how many
   * @return a view of the same memory
   */
  public Matrix rowSlice(int first, int count) {
    java.util.Objects.checkFromIndexSize(first, count, rows);
    long start = count == 0 ? offset : offset + (long) first * rowStride * dtype.bytes();
    return new Matrix(buffer, start, dtype, count, cols, rowStride);
  }

  /**
   * Some columns of every row.
   *
   * @param first the first
   * @param count how many
   * @return a view of the same memory
   */
  public Matrix colSlice(int first, int count) {
    java.util.Objects.checkFromIndexSize(first, count, cols);
    long start = rows == 0 ? offset : offset + (long) first * dtype.bytes();
    return new Matrix(buffer, start, dtype, rows, count, rowStride);
  }

  /**
   * Shape and type, for messages.
   *
   * @return for example "13x64 BF16"
   */
  public String shape() {
    return rows + "x" + cols + " " + dtype;
  }
}
