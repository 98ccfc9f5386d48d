package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.gatun.bindings.NativeLibrary;
import io.gatun.bindings.cuda.Cuda;
import io.gatun.bindings.nvrtc.Nvrtc;
import io.gatun.kernels.CudaFindings;
import io.gatun.kernels.CudaFindings.Gpu;
import io.gatun.kernels.CudaFindings.Library;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.cache.Cache;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Looks at what there is of CUDA, without opening a device. */
public final class CudaSurvey {
  private CudaSurvey() {}

  /**
   * Looks; never throws.
   *
   * @return what was found
   */
  public static CudaFindings take() {
    try (Arena arena = Arena.ofConfined()) {
      var libraries =
          List.of(
              library("CUDA driver", NativeLibrary.CUDA, driverVersion(arena)),
              library("NVRTC", NativeLibrary.NVRTC, compilerVersion(arena)),
              library("cuBLASLt", NativeLibrary.CUBLASLT, ""));
      return new CudaFindings(libraries, gpus(arena), refusal(), Cache.root());
    }
  }

  private static Library library(String name, NativeLibrary library, String version) {
    var text = library.file().orElseGet(library::describe);
    return new Library(name, version, text, library.available());
  }

  private static String driverVersion(Arena arena) {
    if (!NativeLibrary.CUDA.available()) {
      return "";
    }
    var version = arena.allocate(JAVA_INT);
    int code = Cuda.cuDriverGetVersion(version);
    int number = version.get(JAVA_INT, 0);
    return code == 0 ? "%d.%d".formatted(number / 1000, number % 1000 / 10) : "";
  }

  private static String compilerVersion(Arena arena) {
    if (!NativeLibrary.NVRTC.available()) {
      return "";
    }
    var version = arena.allocate(JAVA_INT, 2);
    int code = Nvrtc.nvrtcVersion(version, version.asSlice(4));
    return code == 0
        ? "%d.%d".formatted(version.get(JAVA_INT, 0), version.getAtIndex(JAVA_INT, 1))
        : "";
  }

  private static List<Gpu> gpus(Arena arena) {
    var gpus = new ArrayList<Gpu>();
    if (!NativeLibrary.CUDA.available() || Cuda.cuInit(0) != 0) {
      return gpus;
    }
    try {
      int count = CudaDriver.count(arena);
      for (int i = 0; i < count; i++) {
        var gpu = CudaDriver.look(i, arena);
        var capability = "%d.%d".formatted(gpu.major(), gpu.minor());
        gpus.add(new Gpu(i, gpu.name(), capability, gpu.memory()));
      }
    } catch (DeviceException _) {
      // the refusal says so
    }
    return gpus;
  }

  private static Optional<String> refusal() {
    try {
      CudaDriver.open(0);
      return Optional.empty();
    } catch (DeviceException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }
}
