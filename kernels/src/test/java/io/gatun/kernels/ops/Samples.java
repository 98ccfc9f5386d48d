package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;

/**
 * Matrices for tests: seeded random numbers, in views with a gap after each row and guards around,
 * and their values.
 */
public final class Samples {
  /** One, odd, one past a warp, one past a block, and one that is nothing in particular. */
  public static final int[] SIZES = {1, 13, 33, 65, 207};

  /** The types that activations may have. */
  public static final DType[] COMPUTE = {DType.F32, DType.BF16};

  private static final byte GUARD = 0x7e;
  private static final int GAP = 3;

  private Samples() {}

  /**
   * Normally distributed numbers.
   *
   * @param seed the same seed gives the same numbers
   * @param count how many
   * @return the numbers
   */
  public static float[] normal(long seed, int count) {
    var random = new Random(seed);
    var values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /**
   * Random integers below a bound.
   *
   * @param seed the same seed gives the same numbers
   * @param count how many
   * @param bound exclusive
   * @return the numbers
   */
  public static int[] below(long seed, int count, int bound) {
    return new Random(seed).ints(count, 0, bound).toArray();
  }

  /**
   * A view with a guard row before and after it and a gap after each row, holding the values.
   *
   * @param device where
   * @param dtype type
   * @param rows rows
   * @param cols columns
   * @param values rows * cols numbers, rounded to the type
   * @param arena owner
   * @return the view
   */
  public static Matrix strided(
      Device device, DType dtype, int rows, int cols, float[] values, Arena arena) {
    Matrix m = guarded(device, dtype, rows, cols, arena);
    HostCopy.write(m, values);
    return m;
  }

  /**
   * A strided view of normally distributed numbers.
   *
   * @param device where
   * @param dtype type
   * @param rows rows
   * @param cols columns
   * @param seed seed
   * @param arena owner
   * @return the view
   */
  public static Matrix random(
      Device device, DType dtype, int rows, int cols, long seed, Arena arena) {
    return strided(device, dtype, rows, cols, normal(seed, rows * cols), arena);
  }

  /**
   * Normally distributed numbers without gaps, aligned as real activations are: kernels may take
   * other paths than for a strided view.
   *
   * @param device where
   * @param dtype type
   * @param rows rows
   * @param cols columns
   * @param seed seed
   * @param arena owner
   * @return the matrix
   */
  public static Matrix whole(
      Device device, DType dtype, int rows, int cols, long seed, Arena arena) {
    Matrix m = Matrix.allocate(device, "test", dtype, rows, cols, arena);
    HostCopy.write(m, normal(seed, rows * cols));
    return m;
  }

  /**
   * A strided view to be written by a kernel; its elements hold guard bytes.
   *
   * @param device where
   * @param dtype type
   * @param rows rows
   * @param cols columns
   * @param arena owner
   * @return the view
   */
  public static Matrix guarded(Device device, DType dtype, int rows, int cols, Arena arena) {
    return guarded(device, dtype, rows, cols, GAP, arena);
  }

  /**
   * As above, with another gap, so that rows may be aligned.
   *
   * @param device where
   * @param dtype type
   * @param rows rows
   * @param cols columns
   * @param gap elements between rows
   * @param arena owner
   * @return the view
   */
  public static Matrix guarded(
      Device device, DType dtype, int rows, int cols, int gap, Arena arena) {
    int stride = cols + gap;
    var bytes = new byte[Math.toIntExact(Matrix.bytes(dtype, rows + 2, stride))];
    Arrays.fill(bytes, GUARD);
    var buffer = device.allocate("test", bytes.length, arena);
    device.upload(MemorySegment.ofArray(bytes), buffer, 0);
    return new Matrix(buffer, (long) stride * dtype.bytes(), dtype, rows, cols, stride);
  }

  /**
   * Asserts that guards and gaps of a view made here are untouched.
   *
   * @param m the view
   */
  public static void checkGuards(Matrix m) {
    var bytes = new byte[(int) m.buffer().bytes()];
    m.buffer().device().download(m.buffer(), 0, MemorySegment.ofArray(bytes));
    int size = m.dtype().bytes();
    for (int i = 0; i < bytes.length; i++) {
      int row = i / size / m.rowStride() - 1;
      int col = i / size % m.rowStride();
      if (row < 0 || row >= m.rows() || col >= m.cols()) {
        assertEquals(
            GUARD,
            bytes[i],
            "a byte outside the matrix was written: row " + row + ", column " + col);
      }
    }
  }

  /**
   * Integers on the device.
   *
   * @param device where
   * @param values the values
   * @param arena owner
   * @return the integers
   */
  public static Ints ints(Device device, int[] values, Arena arena) {
    Ints ints = Ints.allocate(device, "test", values.length, arena);
    HostCopy.write(ints, values);
    return ints;
  }

  /**
   * The values as the kernel sees them.
   *
   * @param m a matrix
   * @return rows * cols numbers
   */
  public static double[] values(Matrix m) {
    float[] floats = HostCopy.readFloats(m);
    var doubles = new double[floats.length];
    for (int i = 0; i < floats.length; i++) {
      doubles[i] = floats[i];
    }
    return doubles;
  }
}
