package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.Buffer;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.cuda.CudaModules.Loaded;
import io.gatun.kernels.cuda.CudaSignature.Type;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.StringJoiner;

/**
 * The arguments of a launch, each checked against the name and type that the kernel's source gives
 * it, and laid out as a C struct of them. What was passed is kept: addresses are looked up when the
 * launch is complete, and texts are made when it failed.
 */
final class CudaArguments {
  private static final int FRAME_BYTES = 4096; // what the driver takes

  /** What is passed that is no object of the caller's. */
  enum Own {
    /** A number. */
    VALUE,
    /** The device's scratch. */
    SCRATCH,
    /** The device's tickets. */
    TICKETS,
    /** A counter of ids outside their table. */
    BAD_INDEX
  }

  private final MemorySegment frame;
  private final MemorySegment size;
  private final MemorySegment extra;
  private final Object[] passed = new Object[FRAME_BYTES / Integer.BYTES];
  private final long[] numbers = new long[FRAME_BYTES / Integer.BYTES]; // an offset, or how much
  private Loaded kernel = new Loaded(MemorySegment.NULL, new CudaSignature("none", 1, List.of()));
  private int count;

  CudaArguments() {
    var arena = Arena.ofAuto(); // passing what a shared one owns would cost as much as the call
    frame = arena.allocate(FRAME_BYTES, 64);
    size = arena.allocate(JAVA_LONG);
    extra = arena.allocate(ADDRESS, 5);
    extra.setAtIndex(ADDRESS, 0, Cuda.CU_LAUNCH_PARAM_BUFFER_POINTER());
    extra.setAtIndex(ADDRESS, 1, frame);
    extra.setAtIndex(ADDRESS, 2, Cuda.CU_LAUNCH_PARAM_BUFFER_SIZE());
    extra.setAtIndex(ADDRESS, 3, size);
  }

  void begin(Loaded next) {
    kernel = next;
    count = 0;
  }

  Loaded kernel() {
    return kernel;
  }

  /**
   * Adds an argument.
   *
   * @param name of the parameter
   * @param type of it
   * @param what a matrix, band, buffer, the text of a fault, or the device's own
   * @param number the byte of a buffer, or how much of the device's own
   * @return where it lies in the struct
   */
  int add(String name, Type type, Object what, long number) {
    var parameters = kernel.signature.parameters();
    if (count == parameters.size()) {
      throw misplaced(name, type);
    }
    var wanted = parameters.get(count);
    if (wanted.type() != type || !wanted.name().equals(name)) {
      throw misplaced(name, type);
    }
    passed[count] = what;
    numbers[count] = number;
    count++;
    return wanted.at();
  }

  private IllegalStateException misplaced(String name, Type type) {
    return new IllegalStateException(
        "argument %d is %s %s, the kernel is %s".formatted(count, type, name, kernel.signature));
  }

  void setLong(int at, long value) {
    frame.set(JAVA_LONG, at, value);
  }

  void setInt(int at, int value) {
    frame.set(JAVA_INT, at, value);
  }

  void setFloat(int at, float value) {
    frame.set(JAVA_FLOAT, at, value);
  }

  /**
   * The arguments as the driver takes them: with their size, so that it can check it. Called under
   * the lock of the device, where nobody can free what they point to.
   */
  MemorySegment complete(CudaDevice device) {
    var signature = kernel.signature;
    if (count != signature.parameters().size()) {
      throw new IllegalStateException("%d arguments for %s".formatted(count, signature));
    }
    for (int i = 0; i < count; i++) {
      int at = signature.parameters().get(i).at();
      switch (passed[i]) {
        case Matrix m -> setLong(at, address(device, m.buffer(), m.offset()));
        case Buffer buffer -> setLong(at, address(device, buffer, numbers[i]));
        case Band band -> band(at, device, band);
        case Nf4Matrix m -> bands(at, device, m);
        case CudaAdapters adapters -> addresses(at, device, adapters);
        case String fault -> setLong(at, device.faults.counter(fault));
        case Own own -> own(at, device, own, numbers[i]);
        default -> throw new AssertionError(passed[i]);
      }
    }
    size.set(JAVA_LONG, 0, signature.bytes());
    return extra;
  }

  /** Whether nothing that may still run uses the bands. */
  boolean bandsRest(CudaContext context) {
    for (int i = 0; i < count; i++) {
      if (passed[i] instanceof Nf4Matrix m) {
        for (Band band : m.bands()) {
          if (!rests(context, band)) {
            return false;
          }
        }
      }
    }
    return true;
  }

  private static boolean rests(CudaContext context, Band band) {
    return rests(context, band.codes())
        && switch (band.scales()) {
          case Scales.Plain plain -> rests(context, plain.absmax());
          case Scales.Nested nested ->
              rests(context, nested.codes()) && rests(context, nested.absmax());
        };
  }

  private static boolean rests(CudaContext context, Buffer buffer) {
    return buffer instanceof CudaBuffer own && context.rests(own);
  }

  private static long address(CudaDevice device, Buffer buffer, long offset) {
    return device.use(buffer).pointer() + offset;
  }

  private void band(int at, CudaDevice device, Band band) {
    setLong(at + 16, address(device, band.codes(), 0));
    switch (band.scales()) {
      case Scales.Plain plain -> scales(at, address(device, plain.absmax(), 0), 0, 0);
      case Scales.Nested nested ->
          scales(
              at,
              address(device, nested.codes(), 0),
              address(device, nested.absmax(), 0),
              nested.offset());
    }
  }

  private void bands(int at, CudaDevice device, Nf4Matrix m) {
    for (int i = 0; i < m.bands().size(); i++) {
      band(at + i * Type.NF4_BAND.bytes(), device, m.bands().get(i));
    }
  }

  private void scales(int at, long scales, long nested, float offset) {
    setLong(at + 24, scales);
    setLong(at + 32, nested);
    setFloat(at + 40, offset);
  }

  /** All of adapters but the addresses; nothing is left of earlier ones. */
  void adapters(int at, CudaAdapters adapters) {
    frame.asSlice(at, CudaAdapters.BYTES).fill((byte) 0);
    setInt(at, adapters.runs().size());
    int run = at + CudaAdapters.RUNS_AT;
    int factor = at + CudaAdapters.FACTORS_AT;
    for (CudaAdapters.Run r : adapters.runs()) {
      int first = (factor - at - CudaAdapters.FACTORS_AT) / CudaAdapters.ENTRY_BYTES;
      numbers(run + 8, r.a().rowStride(), r.a().rows(), r.firstRow(), r.endRow(), first);
      setInt(run + 28, first + r.factors().size());
      for (CudaAdapters.Factor f : r.factors()) {
        Matrix b = f.b();
        int end = f.firstRow() + b.rows();
        numbers(factor + 8, b.rowStride(), f.firstRow(), end, f.firstRank(), b.cols());
        setFloat(factor + 28, f.scale());
        factor += CudaAdapters.ENTRY_BYTES;
      }
      run += CudaAdapters.ENTRY_BYTES;
    }
  }

  private void numbers(int at, int first, int second, int third, int fourth, int fifth) {
    setInt(at, first);
    setInt(at + 4, second);
    setInt(at + 8, third);
    setInt(at + 12, fourth);
    setInt(at + 16, fifth);
  }

  private void addresses(int at, CudaDevice device, CudaAdapters adapters) {
    int run = at + CudaAdapters.RUNS_AT;
    int factor = at + CudaAdapters.FACTORS_AT;
    for (CudaAdapters.Run r : adapters.runs()) {
      setLong(run, address(device, r.a().buffer(), r.a().offset()));
      for (CudaAdapters.Factor f : r.factors()) {
        setLong(factor, address(device, f.b().buffer(), f.b().offset()));
        factor += CudaAdapters.ENTRY_BYTES;
      }
      run += CudaAdapters.ENTRY_BYTES;
    }
  }

  private void own(int at, CudaDevice device, Own own, long amount) {
    switch (own) {
      case VALUE -> {}
      case SCRATCH -> setLong(at, device.memory.scratch(amount));
      case TICKETS -> setLong(at, device.memory.tickets((int) amount));
      case BAD_INDEX -> setLong(at, device.faults.counter(kernel.badIndex));
    }
  }

  /** The arguments for messages: "x at byte 0: 13x65 F32 of buffer activations". */
  @Override
  public String toString() {
    var text = new StringJoiner("; ");
    for (int i = 0; i < count; i++) {
      var what = shown(i);
      if (!what.isEmpty()) {
        var parameter = kernel.signature.parameters().get(i);
        text.add("%s at byte %d: %s".formatted(parameter.name(), parameter.at(), what));
      }
    }
    return text.toString();
  }

  private String shown(int i) {
    return switch (passed[i]) {
      case Matrix m -> "%s of buffer %s".formatted(m.shape(), m.buffer().name());
      case Buffer b -> "%d bytes of buffer %s".formatted(b.bytes() - numbers[i], b.name());
      case Band b ->
          "%dx%d %s of buffer %s".formatted(b.rows(), b.cols(), b.code(), b.codes().name());
      case Nf4Matrix m ->
          "%dx%d in %d bands, the first of buffer %s"
              .formatted(m.rows(), m.cols(), m.bands().size(), m.bands().getFirst().codes().name());
      case CudaAdapters a -> a.runs().size() + " runs of rows with adapters";
      case Own own when own == Own.SCRATCH -> numbers[i] + " bytes of scratch";
      case Own own when own == Own.TICKETS -> numbers[i] + " tickets";
      default -> "";
    };
  }
}
