package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gatun.bindings.NativeLibrary;
import io.gatun.kernels.Buffer;
import io.gatun.kernels.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/** What tests of the CUDA device need: a GPU or the emulator, and the emulator's own functions. */
public final class CudaTests {
  private CudaTests() {}

  /** Opens the GPU or the emulator; skips the test where there is neither. */
  public static Device open() {
    return open(nobody -> {});
  }

  /** The same; what the host downloads is shown. */
  public static Device open(Consumer<MemorySegment> downloaded) {
    require();
    return CudaDevice.open(0, downloaded);
  }

  /** Skips the test where there is neither a GPU nor the emulator. */
  public static void require() {
    assumeTrue(
        NativeLibrary.CUDA.available(),
        "no GPU, and no emulator, which needs Linux on x86-64 and g++: "
            + NativeLibrary.CUDA.describe());
  }

  /** Skips the test where the emulator is not what runs. */
  public static void requireEmulator() {
    require();
    assumeTrue(emulated(), "only the emulator can be asked for this");
  }

  /** Whether the emulator runs. */
  public static boolean emulated() {
    return isEmulator(NativeLibrary.CUDA);
  }

  /** Makes the emulator a GPU of a compute capability, for devices that are opened from then on. */
  public static void emulate(int major, int minor) {
    call("emu_device", 1, major, minor, 13000);
  }

  /** Whether NVIDIA's own run-time compiler is here, which needs no GPU. */
  static boolean hasNvrtc() {
    return NativeLibrary.NVRTC.available() && !isEmulator(NativeLibrary.NVRTC);
  }

  private static boolean isEmulator(NativeLibrary library) {
    return library.available() && library.lookup().find("emu_order").isPresent();
  }

  /**
   * What launches moved of a buffer since emu_count was called.
   *
   * @param buffer of the emulator's
   * @return bytes read, bytes of them that a launch had not read before, reads; and the same of
   *     writes
   */
  public static long[] moved(Buffer buffer) {
    try (Arena arena = Arena.ofConfined()) {
      var out = arena.allocate(JAVA_LONG, 6);
      call("emu_bytes", ((CudaBuffer) buffer).pointer(), out);
      return out.toArray(JAVA_LONG);
    }
  }

  /**
   * Calls a function that only the emulator has.
   *
   * @param name its name
   * @param arguments Integer and Long values, and addresses
   */
  public static void call(String name, Object... arguments) {
    var layouts = new MemoryLayout[arguments.length];
    for (int i = 0; i < arguments.length; i++) {
      layouts[i] =
          switch (arguments[i]) {
            case Integer _ -> JAVA_INT;
            case Long _ -> JAVA_LONG;
            default -> ADDRESS;
          };
    }
    var symbol = NativeLibrary.CUDA.lookup().find(name).orElseThrow();
    try {
      Linker.nativeLinker()
          .downcallHandle(symbol, FunctionDescriptor.ofVoid(layouts))
          .invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new AssertionError(name, e);
    }
  }
}
