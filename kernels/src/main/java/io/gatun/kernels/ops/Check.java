package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Weight;

/**
 * What every op checks before it calls a kernel. Each method takes the op's stem, the argument's
 * name and a matrix (its anchor) whose device the argument must share; messages read "rms_norm:
 * gamma is 1x2048 F32, must be 1x4096 F32".
 */
final class Check {
  private Check() {}

  /** The device of the first operand of an op whose activations may be F32 or BF16. */
  static Device compute(String op, String name, Matrix x) {
    if (x.dtype() == DType.F16) {
      throw new IllegalArgumentException(
          "%s: %s is %s; computing is in F32 or BF16, cast it first"
              .formatted(op, name, x.shape()));
    }
    return x.buffer().device();
  }

  /** A matrix of exactly this shape and type, on the anchor's device. */
  static void matrix(
      String op, String name, Matrix m, DType dtype, int rows, int cols, Matrix anchor) {
    if (m.rows() != rows || m.cols() != cols || m.dtype() != dtype) {
      throw new IllegalArgumentException(
          "%s: %s is %s, must be %dx%d %s".formatted(op, name, m.shape(), rows, cols, dtype));
    }
    device(op, name, m, anchor);
  }

  /** A matrix of the anchor's shape and type, on its device. */
  static void same(String op, String name, Matrix m, Matrix anchor) {
    matrix(op, name, m, anchor.dtype(), anchor.rows(), anchor.cols(), anchor);
  }

  /** Integers, as many as given, on the anchor's device. */
  static void ints(String op, String name, Ints ints, int length, Matrix anchor) {
    if (ints.length() != length) {
      throw new IllegalArgumentException(
          "%s: %s has %d entries, must have %d".formatted(op, name, ints.length(), length));
    }
    if (ints.buffer().device() != anchor.buffer().device()) {
      throw elsewhere(op, name);
    }
  }

  /** A matrix on the anchor's device, of any shape. */
  static void device(String op, String name, Matrix m, Matrix anchor) {
    if (m.buffer().device() != anchor.buffer().device()) {
      throw elsewhere(op, name);
    }
  }

  /** A matrix of this shape whose elements may be F32 or BF16, on the anchor's device. */
  static void activation(String op, String name, Matrix m, int rows, int cols, Matrix anchor) {
    compute(op, name, m);
    matrix(op, name, m, m.dtype(), rows, cols, anchor);
  }

  /** A weight of exactly this shape, all of it on the anchor's device. */
  static void weight(String op, Weight w, int rows, int cols, Matrix anchor) {
    if (w.rows() != rows || w.cols() != cols) {
      throw wrong(op, "the weight is %s, must be %s", w.rows() + "x" + w.cols(), rows + "x" + cols);
    }
    boolean here =
        switch (w) {
          case Matrix m -> m.buffer().device() == anchor.buffer().device();
          case Nf4Matrix m -> onDevice(m, anchor.buffer().device());
        };
    if (!here) {
      throw elsewhere(op, "the weight");
    }
  }

  private static boolean onDevice(Nf4Matrix m, Device device) {
    for (var band : m.bands()) {
      if (band.codes().device() != device) {
        return false;
      }
    }
    return true;
  }

  /**
   * The device of a loss of rows: predictions with columns, targets alike, a weight and a loss a
   * row.
   */
  static Device rowLoss(
      String op, String name, Matrix z, Matrix targets, Matrix weights, Matrix rowLoss) {
    Device device = compute(op, name, z);
    if (z.cols() == 0) {
      throw wrong(op, name + " is %s, must have at least %s column", z.shape(), 1);
    }
    matrix(op, "targets", targets, DType.F32, z.rows(), z.cols(), z);
    matrix(op, "weights", weights, DType.F32, z.rows(), 1, z);
    matrix(op, "rowLoss", rowLoss, DType.F32, z.rows(), 1, z);
    return device;
  }

  /** What does not hold. */
  static IllegalArgumentException wrong(String op, String format, Object first, Object second) {
    return new IllegalArgumentException(op + ": " + format.formatted(first, second));
  }

  private static IllegalArgumentException elsewhere(String op, String name) {
    return new IllegalArgumentException(
        "%s: %s lives on another device than the first argument".formatted(op, name));
  }
}
