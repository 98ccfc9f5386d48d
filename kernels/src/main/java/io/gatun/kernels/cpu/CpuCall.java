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
 * The arguments of one C call: pushed in the order of the C parameters, structs written into a frame that the device
 * allocated once. Used only inside {@link CpuDevice#call}, which holds the device's lock, so nothing is allocated a call.
 */
public final class CpuCall {
  private static final int MAX_ARGUMENTS = 24;
  private static final long MATRIX_BYTES = 40;
  private static final long RESULT_AT = 0;
  private static final long FIRST_STRUCT = 64;

  private final CpuDevice device;
  private final MemorySegment frame;
  private final long[] words = new long[MAX_ARGUMENTS];
  private final Matrix[] shown = new Matrix[MAX_ARGUMENTS];
  private CpuKernel kernel = CpuKernel.ADD;
  private int count;
  private long top = FIRST_STRUCT;

  CpuCall(CpuDevice device, MemorySegment frame) {
    this.device = device;
    this.frame = frame;
  }

  void begin(CpuKernel next) {
    kernel = next;
    count = 0;
    top = FIRST_STRUCT;
  }

  /**
   * Pushes a matrix.
   *
   * @param m a matrix of this device
   * @return this
   */
  public CpuCall matrix(Matrix m) {
    shown[count] = m;
    long at = place(MATRIX_BYTES);
    writeMatrix(at, m);
    return push('m', frame.address() + at);
  }

  /**
   * Pushes a matrix whose data is NULL, for an argument that is not there.
   *
   * @return this
   */
  public CpuCall absent() {
    long at = place(MATRIX_BYTES);
    frame.asSlice(at, MATRIX_BYTES).fill((byte) 0);
    return push('m', frame.address() + at);
  }

  /**
   * Pushes integers as an n x 1 matrix of GATUN_I32.
   *
   * @param ints integers of this device
   * @return this
   */
  public CpuCall ints(Ints ints) {
    long at = place(MATRIX_BYTES);
    writeMatrix(at, pin(ints.buffer(), ints.offset()), ints.length(), 1, 1, 3);
    return push('m', frame.address() + at);
  }

  /**
   * Pushes a float.
   *
   * @param value the value
   * @return this
   */
  public CpuCall number(float value) {
    return push('f', Float.floatToRawIntBits(value));
  }

  /**
   * Pushes a double.
   *
   * @param value the value
   * @return this
   */
  public CpuCall number(double value) {
    return push('d', Double.doubleToRawLongBits(value));
  }

  /**
   * Pushes an int32_t.
   *
   * @param value the value
   * @return this
   */
  public CpuCall integer(int value) {
    return push('i', value);
  }

  /**
   * Pushes an int64_t.
   *
   * @param value the value
   * @return this
   */
  public CpuCall count(long value) {
    return push('l', value);
  }

  /**
   * Pushes the address of the double that {@link CpuDevice#callForDouble} returns.
   *
   * @return this
   */
  public CpuCall result() {
    return push('r', frame.address() + RESULT_AT);
  }

  /**
   * Pushes the address of a struct that was written into the frame.
   *
   * @param at what {@link #place} returned
   * @return this
   */
  public CpuCall struct(long at) {
    return push('s', frame.address() + at);
  }

  /**
   * Room for a struct or an array of structs, aligned to 8 bytes; its bytes are those of an earlier call.
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
              .formatted(kernel.stem(), frame.byteSize()));
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

  private void writeMatrix(long at, long data, long rows, long cols, long stride, int dtype) {
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
    var cpu = switch (buffer) {
      case CpuBuffer b -> b;
    };
    if (cpu.device() != device) {
      throw new IllegalArgumentException(
          "%s: buffer %s belongs to another device".formatted(kernel.stem(), buffer.name()));
    }
    return cpu.pointer() + offset;
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

  private CpuCall push(char kind, long word) {
    String parameters = kernel.parameters();
    if (count >= parameters.length() || parameters.charAt(count) != kind) {
      throw new IllegalStateException(
          "%s: argument %d is of kind '%c', the C function takes \"%s\""
              .formatted(kernel.stem(), count, kind, parameters));
    }
    words[count++] = word;
    return this;
  }

  void requireComplete() {
    if (count != kernel.parameters().length()) {
      throw new IllegalStateException(
          "%s: %d arguments, the C function takes \"%s\""
              .formatted(kernel.stem(), count, kernel.parameters()));
    }
  }

  /** Drops the matrices kept for messages, so that the device does not hold on to closed buffers. */
  void end() {
    java.util.Arrays.fill(shown, 0, count, null);
  }

  double resultDouble() {
    return frame.get(JAVA_DOUBLE, RESULT_AT);
  }

  /** The matrices among the arguments, in order: "1x2048 F32, 13x4096 BF16". */
  String shapes() {
    var text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      if (shown[i] != null) {
        text.append(text.isEmpty() ? "" : ", ").append(shown[i].shape());
      }
    }
    return text.toString();
  }

  long word(int i) {
    return words[i];
  }

  int intWord(int i) {
    return (int) words[i];
  }

  float floatWord(int i) {
    return Float.intBitsToFloat((int) words[i]);
  }

  double doubleWord(int i) {
    return Double.longBitsToDouble(words[i]);
  }
}
