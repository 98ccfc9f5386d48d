package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gatun.bindings.NativeLibrary;
import io.gatun.kernels.Device;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;

/** What tests of the CUDA device need: a GPU or the emulator, and the emulator's own functions. */
public final class CudaTests {
  private CudaTests() {}

  /** Opens the GPU or the emulator; skips the test where there is neither. */
  public static Device open() {
    require();
    return CudaDevice.open(0);
  }

  /** Skips the test where there is neither a GPU nor the emulator. */
  static void require() {
    assumeTrue(
        NativeLibrary.CUDA.available(),
        "no GPU, and no emulator, which needs Linux on x86-64 and g++: "
            + NativeLibrary.CUDA.describe());
  }

  /** Skips the test where the emulator is not what runs. */
  static void requireEmulator() {
    require();
    assumeTrue(emulated(), "only the emulator can be asked for this");
  }

  /** Whether the emulator runs. */
  public static boolean emulated() {
    return isEmulator(NativeLibrary.CUDA);
  }

  /** Whether NVIDIA's own run-time compiler is here, which needs no GPU. */
  static boolean hasNvrtc() {
    return NativeLibrary.NVRTC.available() && !isEmulator(NativeLibrary.NVRTC);
  }

  private static boolean isEmulator(NativeLibrary library) {
    return library.available() && library.lookup().find("emu_order").isPresent();
  }

  /**
   * Calls a function that only the emulator has.
   *
   * @param name its name
   * @param arguments Integer and Long values
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
