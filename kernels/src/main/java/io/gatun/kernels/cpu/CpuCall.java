package io.gatun.kernels.cpu;

import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The arguments of one C call: pushed in the order of the C parameters, structs written into a
 * frame that the device allocated once. Used only inside {@link CpuDevice#call}, which holds the
 * device's lock, so nothing is allocated a call.
 */
public final class CpuCall extends CpuFrame {
  private static final int MAX_ARGUMENTS = 24;

  private final long[] words = new long[MAX_ARGUMENTS];
  private final Matrix[] shown = new Matrix[MAX_ARGUMENTS];
  private CpuKernel kernel = CpuKernel.ADD;
  private int count;

  CpuCall(CpuDevice device, MemorySegment frame) {
    super(device, frame);
  }

  void begin(CpuKernel next) {
    kernel = next;
    count = 0;
    clear();
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
    return push('m', address(at));
  }

  /**
   * Pushes a matrix whose data is NULL, for an argument that is not there.
   *
   * @return this
   */
  public CpuCall absent() {
    long at = place(MATRIX_BYTES);
    writeAbsent(at);
    return push('m', address(at));
  }

  /**
   * Pushes integers as an n x 1 matrix of GATUN_I32.
   *
   * @param ints integers of this device
   * @return this
   */
  public CpuCall ints(Ints ints) {
    long at = place(MATRIX_BYTES);
    writeInts(at, ints);
    return push('m', address(at));
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
    return push('r', address(RESULT_AT));
  }

  /**
   * Pushes the address of a struct that was written into the frame.
   *
   * @param at what {@link #place} returned
   * @return this
   */
  public CpuCall struct(long at) {
    return push('s', address(at));
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

  @Override
  String stem() {
    return kernel.stem();
  }

  void requireComplete() {
    if (count != kernel.parameters().length()) {
      throw new IllegalStateException(
          "%s: %d arguments, the C function takes \"%s\""
              .formatted(kernel.stem(), count, kernel.parameters()));
    }
  }

  /**
   * Drops the matrices kept for messages, so that the device does not hold on to closed buffers.
   */
  void end() {
    Arrays.fill(shown, 0, count, null);
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
