package io.gatun.kernels;

import java.lang.foreign.MemorySegment;

/** Moves Java arrays to a device and back, for code that does not handle memory segments. */
public final class HostCopy {
  private HostCopy() {}

  /**
   * Writes all elements.
   *
   * @param to the matrix; its row stride is respected
   * @param values rows * cols numbers, row after row, rounded to nearest even
   */
  public static void write(Matrix to, float[] values) {
    long elements = (long) to.rows() * to.cols();
    if (values.length != elements) {
      throw new IllegalArgumentException(
          "%d values for a matrix of %s".formatted(values.length, to.shape()));
    }
    boolean whole = to.rowStride() == to.cols();
    int rows = whole ? Math.min(to.rows(), 1) : to.rows();
    int length = whole ? values.length : to.cols();
    for (int i = 0; i < rows && length > 0; i++) {
      var packed = pack(to.dtype(), values, i * length, length);
      to.buffer().device().upload(packed, to.buffer(), rowOffset(to, i));
    }
  }

  /**
   * Reads all elements.
   *
   * @param from the matrix
   * @return rows * cols numbers, row after row
   */
  public static float[] readFloats(Matrix from) {
    var values = new float[Math.multiplyExact(from.rows(), from.cols())];
    boolean whole = from.rowStride() == from.cols();
    int rows = whole ? Math.min(from.rows(), 1) : from.rows();
    int length = whole ? values.length : from.cols();
    for (int i = 0; i < rows && length > 0; i++) {
      unpack(from, rowOffset(from, i), values, i * length, length);
    }
    return values;
  }

  /**
   * Writes all integers.
   *
   * @param to where
   * @param values as many as the length
   */
  public static void write(Ints to, int... values) {
    if (values.length != to.length()) {
      throw new IllegalArgumentException(
          "%d values for %d integers".formatted(values.length, to.length()));
    }
    to.buffer().device().upload(MemorySegment.ofArray(values), to.buffer(), to.offset());
  }

  /**
   * Reads all integers.
   *
   * @param from where
   * @return as many as the length
   */
  public static int[] readInts(Ints from) {
    var values = new int[from.length()];
    from.buffer().device().download(from.buffer(), from.offset(), MemorySegment.ofArray(values));
    return values;
  }

  /**
   * The nearest bf16 number, ties to even, NaN kept.
   *
   * @param value any number
   * @return its 16 bits
   */
  public static short bf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) ((bits + 0x7fff + (bits >>> 16 & 1)) >>> 16);
  }

  private static long rowOffset(Matrix m, int row) {
    return m.offset() + (long) row * m.rowStride() * m.dtype().bytes();
  }

  private static MemorySegment pack(DType dtype, float[] values, int first, int count) {
    if (dtype == DType.F32) {
      return MemorySegment.ofArray(values)
          .asSlice((long) first * Float.BYTES, (long) count * Float.BYTES);
    }
    var packed = new short[count];
    for (int i = 0; i < count; i++) {
      float value = values[first + i];
      packed[i] = dtype == DType.BF16 ? bf16(value) : Float.floatToFloat16(value);
    }
    return MemorySegment.ofArray(packed);
  }

  private static void unpack(Matrix from, long offset, float[] values, int first, int count) {
    var device = from.buffer().device();
    if (from.dtype() == DType.F32) {
      var to =
          MemorySegment.ofArray(values)
              .asSlice((long) first * Float.BYTES, (long) count * Float.BYTES);
      device.download(from.buffer(), offset, to);
      return;
    }
    var packed = new short[count];
    var segment = MemorySegment.ofArray(packed);
    device.download(from.buffer(), offset, segment);
    for (int i = 0; i < count; i++) {
      short bits = packed[i];
      values[first + i] =
          from.dtype() == DType.BF16
              ? Float.intBitsToFloat(bits << 16)
              : Float.float16ToFloat(bits);
    }
  }
}
