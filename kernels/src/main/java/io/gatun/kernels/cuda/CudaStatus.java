package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;

import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.DeviceException;
import java.lang.foreign.Arena;

/** Results of driver calls as exceptions. */
final class CudaStatus {
  private static final long LONGEST_TEXT = 4096;

  private CudaStatus() {}

  /** Throws unless the call succeeded. */
  static void check(int code, String what) {
    if (code != Cuda.CUDA_SUCCESS()) {
      throw new DeviceException(what + ": " + text(code));
    }
  }

  /** The driver's name and text of a result: "CUDA_ERROR_INVALID_VALUE: invalid argument". */
  static String text(int code) {
    try (Arena arena = Arena.ofConfined()) {
      var out = arena.allocate(ADDRESS);
      if (Cuda.cuGetErrorName(code, out) != 0) {
        return "CUDA result " + code;
      }
      String name = out.get(ADDRESS, 0).reinterpret(LONGEST_TEXT).getString(0);
      Cuda.cuGetErrorString(code, out);
      return name + ": " + out.get(ADDRESS, 0).reinterpret(LONGEST_TEXT).getString(0);
    }
  }
}
