package io.gatun.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.cache.Cache;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The native library of one variant: unpacked from the jar into the user's cache, in a folder named
 * after its content, and loaded for as long as an arena lives. Also the functions of it that are no
 * kernels: memory, threads, features.
 */
public final class NativeLibrary {
  private static final int ABI_VERSION = 4;

  private final SymbolLookup symbols;

  private NativeLibrary(SymbolLookup symbols) {
    this.symbols = symbols;
  }

  /**
   * The variants this machine can run and this build has, weakest first.
   *
   * @return at least plain
   * @throws DeviceException when there is no library for this machine
   */
  public static List<CpuVariant> available() {
    try (Arena arena = Arena.ofConfined()) {
      int features = load(CpuVariant.PLAIN, arena).features();
      return Arrays.stream(CpuVariant.values())
          .filter(v -> v == CpuVariant.PLAIN || (features >> v.ordinal() - 1 & 1) != 0)
          .filter(v -> NativeLibrary.class.getResource("/" + resource(v)) != null)
          .toList();
    }
  }

  /**
   * Loads a library.
   *
   * @param variant which
   * @param arena unloads it when it closes
   * @return the library
   * @throws DeviceException when there is none for this machine, or it cannot be loaded
   */
  static NativeLibrary load(CpuVariant variant, Arena arena) {
    Path file = unpack(variant);
    try {
      var library = new NativeLibrary(SymbolLookup.libraryLookup(file, arena));
      int version = library.status("gatun_abi_version", FunctionDescriptor.of(JAVA_INT));
      if (version != ABI_VERSION) {
        throw new DeviceException(
            "%s has ABI version %d, this jar needs %d; rebuild both together"
                .formatted(file, version, ABI_VERSION));
      }
      return library;
    } catch (IllegalArgumentException e) {
      throw new DeviceException("the native library %s cannot be loaded".formatted(file), e);
    } catch (IllegalCallerException e) {
      throw new DeviceException(
          "native access is denied; start java with --enable-native-access=io.gatun.kernels"
              + " (module path) or --enable-native-access=ALL-UNNAMED (class path)",
          e);
    }
  }

  SymbolLookup symbols() {
    return symbols;
  }

  int features() {
    return status("gatun_cpu_features", FunctionDescriptor.of(JAVA_INT));
  }

  /** Zeroed pages, or NULL when the operating system has none. */
  MemorySegment map(long bytes, MemorySegment out) {
    var type = FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS);
    return status("gatun_memory_map", type, bytes, out) == 0
        ? out.get(ADDRESS, 0)
        : MemorySegment.NULL;
  }

  void unmap(MemorySegment memory, long bytes) {
    var type = FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG);
    if (status("gatun_memory_unmap", type, memory, bytes) != 0) {
      throw new DeviceException(
          "the operating system refused to take back %d bytes".formatted(bytes));
    }
  }

  MemorySegment openPool(int threads, MemorySegment out) {
    var type = FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS);
    if (status("gatun_pool_open", type, threads, out) != 0) {
      throw new DeviceException(
          "the operating system gave fewer than %d threads; open the device with fewer"
              .formatted(threads));
    }
    return out.get(ADDRESS, 0);
  }

  void closePool(MemorySegment pool) {
    status("gatun_pool_close", FunctionDescriptor.of(JAVA_INT, ADDRESS), pool);
  }

  /** Calls a function that is called rarely. */
  private int status(String symbol, FunctionDescriptor type, Object... arguments) {
    MemorySegment address =
        symbols
            .find(symbol)
            .orElseThrow(() -> new DeviceException("the native library has no function " + symbol));
    MethodHandle handle = Linker.nativeLinker().downcallHandle(address, type);
    try {
      return (int) handle.invokeWithArguments(arguments);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new DeviceException("%s: the native call failed".formatted(symbol), e);
    }
  }

  private static Path unpack(CpuVariant variant) {
    String name = resource(variant);
    try (var in = NativeLibrary.class.getResourceAsStream("/" + name)) {
      if (in == null) {
        throw new DeviceException(
            "no %s among the jar's resources: this build has no native library for this machine; build Gatun on it"
                .formatted(name));
      }
      byte[] content = in.readAllBytes();
      Path file =
          Cache.folder("native").resolve(Cache.name(content)).resolve(Path.of(name).getFileName());
      if (!Files.exists(file) || !Arrays.equals(Files.readAllBytes(file), content)) {
        Cache.write(file, content);
      }
      return file;
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the native library cannot be unpacked; point -Dgatun.cache at a folder that can be"
              + " written",
          e);
    }
  }

  private static String resource(CpuVariant variant) {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    if (os.contains("windows")) {
      throw new DeviceException("Gatun has no native library for Windows; use Linux or macOS");
    }
    boolean mac = os.contains("mac");
    String arch = System.getProperty("os.arch");
    String cpu = arch.equals("amd64") ? "x86_64" : mac && arch.equals("aarch64") ? "arm64" : arch;
    return "META-INF/native/%s-%s/libgatun_%s.%s"
        .formatted(
            mac ? "macos" : "linux",
            cpu,
            variant.name().toLowerCase(Locale.ROOT),
            mac ? "dylib" : "so");
  }
}
