package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.Buffer;
import io.gatun.kernels.DType;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.cuda.CudaSignature.Parameter;
import io.gatun.kernels.cuda.CudaSignature.Type;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The arguments of one launch, pushed in the order of the kernel's parameters; each is checked
 * against the name and type that the source gives it. Laid out as a C struct of them in memory that
 * the device allocated once. Used only inside {@link CudaDevice#launch}.
 */
public final class CudaLaunch {
  private static final long FRAME_BYTES = 4096; // what the driver takes

  private final CudaDevice device;
  private final MemorySegment frame;
  private final MemorySegment size;
  private final MemorySegment extra;
  private final List<String> shown = new ArrayList<>();
  private CudaSignature signature = new CudaSignature("none", 1, List.of());
  private int count;
  private long top;
  private int sharedBytes;

  CudaLaunch(CudaDevice device, Arena arena) {
    this.device = device;
    frame = arena.allocate(FRAME_BYTES, 64);
    size = arena.allocate(JAVA_LONG);
    extra = arena.allocate(ADDRESS, 5);
    extra.setAtIndex(ADDRESS, 0, Cuda.CU_LAUNCH_PARAM_BUFFER_POINTER());
    extra.setAtIndex(ADDRESS, 1, frame);
    extra.setAtIndex(ADDRESS, 2, Cuda.CU_LAUNCH_PARAM_BUFFER_SIZE());
    extra.setAtIndex(ADDRESS, 3, size);
  }

  void begin(CudaSignature next) {
    signature = next;
    count = 0;
    top = 0;
    sharedBytes = 0;
    shown.clear();
  }

  int sharedBytes() {
    return sharedBytes;
  }

  /** The arguments as the driver takes them: with their size, so that it can check it. */
  MemorySegment complete() {
    if (count != signature.parameters().size()) {
      throw new IllegalStateException("%d arguments for %s".formatted(count, signature));
    }
    size.set(JAVA_LONG, 0, top);
    return extra;
  }

  /** The arguments for messages: "x at byte 0: 13x65 F32 of buffer activations". */
  @Override
  public String toString() {
    return String.join("; ", shown);
  }

  /**
   * Passes a matrix.
   *
   * @param name of the parameter
   * @param m a matrix of this device
   * @return this
   */
  public CudaLaunch matrix(String name, Matrix m) {
    long at = place(name, Type.MATRIX);
    frame.set(JAVA_LONG, at, pin(m.buffer(), m.offset()));
    frame.set(JAVA_LONG, at + 8, m.rows());
    frame.set(JAVA_LONG, at + 16, m.cols());
    frame.set(JAVA_LONG, at + 24, m.rowStride());
    frame.set(JAVA_INT, at + 32, code(m.dtype()));
    frame.set(JAVA_INT, at + 36, 0);
    shown.add("%s at byte %d: %s of buffer %s".formatted(name, at, m.shape(), m.buffer().name()));
    return this;
  }

  /**
   * Passes a band of a 4-bit matrix.
   *
   * @param name of the parameter
   * @param band a band on this device
   * @return this
   */
  public CudaLaunch band(String name, Band band) {
    long at = place(name, Type.NF4_BAND);
    frame.set(JAVA_LONG, at, band.rows());
    frame.set(JAVA_LONG, at + 8, band.cols());
    frame.set(JAVA_LONG, at + 16, pin(band.codes(), 0));
    switch (band.scales()) {
      case Scales.Plain plain -> scales(at, pin(plain.absmax(), 0), 0, 0);
      case Scales.Nested nested ->
          scales(at, pin(nested.codes(), 0), pin(nested.absmax(), 0), nested.offset());
    }
    frame.set(JAVA_INT, at + 44, band.code().ordinal());
    frame.set(JAVA_INT, at + 48, band.blockSize());
    frame.set(JAVA_INT, at + 52, code(band.recordedDtype()));
    frame.set(JAVA_INT, at + 56, band.layout().ordinal());
    frame.set(JAVA_INT, at + 60, 0);
    shown.add(
        "%s at byte %d: %dx%d %s of buffer %s"
            .formatted(name, at, band.rows(), band.cols(), band.code(), band.codes().name()));
    return this;
  }

  private void scales(long at, long scales, long nested, float offset) {
    frame.set(JAVA_LONG, at + 24, scales);
    frame.set(JAVA_LONG, at + 32, nested);
    frame.set(JAVA_FLOAT, at + 40, offset);
  }

  /**
   * Passes the address of a byte of a buffer.
   *
   * @param name of the parameter
   * @param buffer a buffer of this device
   * @param offset a byte of it
   * @return this
   */
  public CudaLaunch pointer(String name, Buffer buffer, long offset) {
    long at = place(name, Type.POINTER);
    frame.set(JAVA_LONG, at, pin(buffer, offset));
    shown.add(
        "%s at byte %d: %d bytes of buffer %s"
            .formatted(name, at, buffer.bytes() - offset, buffer.name()));
    return this;
  }

  /**
   * Passes a null pointer, for an argument that is not there.
   *
   * @param name of the parameter
   * @return this
   */
  public CudaLaunch absent(String name) {
    frame.set(JAVA_LONG, place(name, Type.POINTER), 0);
    return this;
  }

  /**
   * Passes a float.
   *
   * @param name of the parameter
   * @param value the value
   * @return this
   */
  public CudaLaunch number(String name, float value) {
    frame.set(JAVA_FLOAT, place(name, Type.FLOAT), value);
    return this;
  }

  /**
   * Passes an int.
   *
   * @param name of the parameter
   * @param value the value
   * @return this
   */
  public CudaLaunch integer(String name, int value) {
    frame.set(JAVA_INT, place(name, Type.INT), value);
    return this;
  }

  /**
   * Passes an i64.
   *
   * @param name of the parameter
   * @param value the value
   * @return this
   */
  public CudaLaunch count(String name, long value) {
    frame.set(JAVA_LONG, place(name, Type.LONG), value);
    return this;
  }

  /**
   * Passes the address of scratch that the device holds for one op at a time: nothing is left in it
   * for the next.
   *
   * @param name of the parameter
   * @param bytes how much of it the op uses
   * @return this
   * @throws DeviceException when the device has less
   */
  public CudaLaunch scratch(String name, long bytes) {
    long at = place(name, Type.POINTER);
    frame.set(JAVA_LONG, at, device.scratch(bytes));
    shown.add("%s at byte %d: %d bytes of scratch".formatted(name, at, bytes));
    return this;
  }

  /**
   * Passes the address of 32-bit counters that are 0, and that the kernel leaves at 0.
   *
   * @param name of the parameter
   * @param count how many the op uses
   * @return this
   * @throws DeviceException when the device has fewer
   */
  public CudaLaunch tickets(String name, int count) {
    long at = place(name, Type.POINTER);
    frame.set(JAVA_LONG, at, device.tickets(count));
    shown.add("%s at byte %d: %d tickets".formatted(name, at, count));
    return this;
  }

  /**
   * Passes the address of a counter that the kernel adds to when an id lies outside its table. The
   * next download or wait then throws.
   *
   * @param name of the parameter
   * @return this
   */
  public CudaLaunch badIndex(String name) {
    return fault(name, signature.kernel() + ": an id, label or segment lies outside its table");
  }

  /**
   * Passes the address of a counter that the kernel adds to when something is wrong with the
   * numbers it is given. The next download or wait then throws.
   *
   * @param name of the parameter
   * @param text what is wrong where the counter is not 0, for the exception
   * @return this
   */
  public CudaLaunch fault(String name, String text) {
    frame.set(JAVA_LONG, place(name, Type.POINTER), device.fault(text));
    return this;
  }

  /**
   * Gives each block dynamic shared memory; without a call it has none.
   *
   * @param bytes at most {@value CudaDevice#SHARED_BYTES}, which every GPU has
   * @return this
   */
  public CudaLaunch shared(int bytes) {
    sharedBytes = bytes;
    return this;
  }

  private long place(String name, Type type) {
    var parameters = signature.parameters();
    var wanted = count < parameters.size() ? parameters.get(count) : new Parameter(type, "nothing");
    if (wanted.type() != type || !wanted.name().equals(name)) {
      throw new IllegalStateException(
          "argument %d is %s %s, the kernel is %s".formatted(count, type, name, signature));
    }
    count++;
    long at = type.align(top);
    top = at + type.bytes();
    return at;
  }

  private long pin(Buffer buffer, long offset) {
    return device.use(buffer).pointer() + offset;
  }

  /** Code of an element type in the prelude. */
  private static int code(DType dtype) {
    return switch (dtype) {
      case F32 -> 0;
      case F16 -> 1;
      case BF16 -> 2;
    };
  }
}
