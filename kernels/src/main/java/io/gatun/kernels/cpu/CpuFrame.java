package io.gatun.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.DType;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import java.lang.foreign.MemorySegment;

/**
 * The memory that a call's structs are written into: allocated once a device, used again by every
 * call.
 */
public abstract sealed class CpuFrame permits CpuCall {
  /** Size of gatun_matrix. */
  public static final long MATRIX_BYTES = 40;

  private static final int INT_CODE = 3;
  static final long RESULT_AT = 0;
  private static final long FIRST_STRUCT = 64;

  private final CpuDevice device;
  private final MemorySegment frame;
  private long top = FIRST_STRUCT;

  CpuFrame(CpuDevice device, MemorySegment frame) {
    this.device = device;
    this.frame = frame;
  }

  /** Name of the op, for messages. */
  abstract String stem();

  void clear() {
    top = FIRST_STRUCT;
  }

  double resultDouble() {
    return frame.get(JAVA_DOUBLE, RESULT_AT);
  }

  /**
   * Room for a struct or an array of structs, aligned to 8 bytes; its bytes are those of an earlier
   * call.
   *
   * @param bytes size
   * @return offset in the frame, for the writers below
   */
  public long place(long bytes) {
    long at = top;
    long end = Math.addExact(at, bytes + 7 & -8L);
    if (bytes < 0 || end > frame.byteSize()) {
      throw new DeviceException(
          "%s: its arguments need more than the %d bytes of the call frame; split the call"
              .formatted(stem(), frame.byteSize()));
    }
    top = end;
    return at;
  }

  /**
   * Writes a gatun_matrix into the frame.
   *
   * @param at offset in the frame
   * @param m a matrix of this device
   */
  public void writeMatrix(long at, Matrix m) {
    int dtype = code(m.dtype());
    writeMatrix(at, pin(m.buffer(), m.offset()), m.rows(), m.cols(), m.rowStride(), dtype);
  }

  /**
   * Writes a gatun_matrix of integers into the frame.
   *
   * @param at offset in the frame
   * @param ints integers of this device
   */
  public void writeInts(long at, Ints ints) {
    writeMatrix(at, pin(ints.buffer(), ints.offset()), ints.length(), 1, 1, INT_CODE);
  }

  /**
   * Writes a gatun_matrix whose data is NULL into the frame.
   *
   * @param at offset in the frame
   */
  public void writeAbsent(long at) {
    writeMatrix(at, 0, 0, 0, 0, 0);
  }

  void writeMatrix(long at, long data, long rows, long cols, long stride, int dtype) {
    frame.set(JAVA_LONG, at, data);
    frame.set(JAVA_LONG, at + 8, rows);
    frame.set(JAVA_LONG, at + 16, cols);
    frame.set(JAVA_LONG, at + 24, stride);
    frame.set(JAVA_INT, at + 32, dtype);
    frame.set(JAVA_INT, at + 36, 0);
  }

  /**
   * Writes an int64_t or a pointer into the frame.
   *
   * @param at offset in the frame
   * @param value the value
   */
  public void writeLong(long at, long value) {
    frame.set(JAVA_LONG, at, value);
  }

  /**
   * Writes an int32_t into the frame.
   *
   * @param at offset in the frame
   * @param value the value
   */
  public void writeInt(long at, int value) {
    frame.set(JAVA_INT, at, value);
  }

  /**
   * Writes a double into the frame.
   *
   * @param at offset in the frame
   * @param value the value
   */
  public void writeDouble(long at, double value) {
    frame.set(JAVA_DOUBLE, at, value);
  }

  /**
   * Writes a float into the frame.
   *
   * @param at offset in the frame
   * @param value the value
   */
  public void writeFloat(long at, float value) {
    frame.set(JAVA_FLOAT, at, value);
  }

  /**
   * Address of an offset in the frame, to be written into another struct.
   *
   * @param at offset in the frame
   * @return the address
   */
  public long address(long at) {
    return frame.address() + at;
  }

  /**
   * Address of a byte of a buffer, checked to be live; valid until the call returns.
   *
   * @param buffer a buffer of this device
   * @param offset a byte of it
   * @return the address
   */
  public long pin(Buffer buffer, long offset) {
    if (buffer instanceof CpuBuffer b && b.device() == device) {
      return b.pointer() + offset;
    }
    throw new IllegalArgumentException(
        "%s: buffer %s belongs to another device".formatted(stem(), buffer.name()));
  }

  /**
   * Code of an element type in gatun_kernels.h.
   *
   * @param dtype the type
   * @return its gatun_dtype
   */
  public static int code(DType dtype) {
    return switch (dtype) {
      case F32 -> 0;
      case F16 -> 1;
      case BF16 -> 2;
    };
  }
}
