package io.gatun.kernels.cuda;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;

/** What a device keeps growing memory of its own for: a matrix for each purpose. */
public enum Scratch {
  /** A decoded weight. */
  WEIGHT("device.weight", 64),
  /** The one after it. */
  NEXT_WEIGHT("device.next-weight", 64),
  /** An operand put together from parts. */
  OPERAND("device.operand", 64),
  /** A result in F32 that is yet to be rounded. */
  RESULT("device.result", 1);

  private final String title;
  private final int line; // 64 columns: rows start on lines of 128 bytes, in either compute type

  Scratch(String title, int line) {
    this.title = title;
    this.line = line;
  }

  /** Name in tables of memory. */
  String title() {
    return title;
  }

  /** Elements from a row to the next. */
  int stride(int cols) {
    return Math.ceilDiv(Math.max(1, cols), line) * line;
  }

  /** Memory of a matrix. */
  long bytes(DType dtype, int rows, int cols) {
    return Matrix.bytes(dtype, rows, stride(cols));
  }
}
