package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gatun.bindings.NativeLibrary;
import io.gatun.bindings.cuda.Cuda;
import io.gatun.bindings.nvrtc.Nvrtc;
import io.gatun.kernels.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The driver and the compiler of this machine, found and old enough to work together; what is
 * missing is refused with a sentence that says what to install.
 */
final class CudaDriver {
  private static final int NAME_BYTES = 256;
  private static final int OLDEST_MAJOR = 12;
  private static final int OLDEST_CAPABILITY = 8;

  /**
   * A GPU.
   *
   * @param ordinal its number
   * @param name as the driver tells it
   * @param major of its compute capability
   * @param minor of its compute capability
   * @param memory bytes
   * @param multiprocessors how many
   * @param sharedBytes shared memory that a block can have
   */
  record Gpu(
      int ordinal,
      String name,
      int major,
      int minor,
      long memory,
      int multiprocessors,
      int sharedBytes) {
    /**
     * The architecture that kernels are compiled for. From 9.0 on the instructions that no later
     * GPU has are asked for as well.
     */
    String architecture() {
      return "sm_" + major + minor + (major >= 9 ? "a" : "");
    }

    @Override
    public String toString() {
      return "gpu %d (%s, %s)".formatted(ordinal, name, architecture());
    }
  }

  private CudaDriver() {}

  /**
   * Starts the driver and looks at a GPU.
   *
   * @param ordinal its number
   * @return what it is
   * @throws DeviceException when a library of NVIDIA's is missing, there is no such GPU, or one of
   *     them is too old
   */
  static Gpu open(int ordinal) {
    for (var library : NativeLibrary.values()) {
      if (!library.available()) {
        throw new DeviceException(library.describe());
      }
    }
    int code = Cuda.cuInit(0);
    if (code == Cuda.CUDA_ERROR_NO_DEVICE()) {
      throw new DeviceException(
          "the CUDA driver finds no GPU; check nvidia-smi and CUDA_VISIBLE_DEVICES, or use"
              + " Device.cpu()");
    }
    CudaStatus.check(code, "the CUDA driver does not start");
    try (Arena arena = Arena.ofConfined()) {
      requireVersions(arena);
      int count = count(arena);
      if (ordinal < 0 || ordinal >= count) {
        throw new DeviceException(
            "there is no GPU %d; this machine has %d, from 0".formatted(ordinal, count));
      }
      var gpu = look(ordinal, arena);
      if (gpu.major() < OLDEST_CAPABILITY) {
        throw new DeviceException(
            "GPU %d (%s) has compute capability %d.%d; %d.0 or newer is needed, which is Ampere"
                .formatted(ordinal, gpu.name(), gpu.major(), gpu.minor(), OLDEST_CAPABILITY));
      }
      return gpu;
    }
  }

  /** A cubin needs a driver of at least the major version of the compiler it came from. */
  private static void requireVersions(Arena arena) {
    var version = arena.allocate(JAVA_INT, 2);
    CudaStatus.check(Cuda.cuDriverGetVersion(version), "the CUDA driver has no version");
    int driver = version.get(JAVA_INT, 0);
    int compiler = compilerMajor(version);
    int needed = Math.max(OLDEST_MAJOR, compiler);
    if (driver / 1000 < needed) {
      throw new DeviceException(
          "the NVIDIA driver supports CUDA %d.%d, but CUDA %d is needed (%s); update the driver%s"
              .formatted(
                  driver / 1000,
                  driver % 1000 / 10,
                  needed,
                  NativeLibrary.NVRTC.describe(),
                  compiler > OLDEST_MAJOR ? ", or install NVRTC of CUDA " + OLDEST_MAJOR : ""));
    }
  }

  private static int compilerMajor(MemorySegment out) {
    if (Nvrtc.nvrtcVersion(out, out.asSlice(4)) != 0) {
      throw new DeviceException("NVRTC has no version: " + NativeLibrary.NVRTC.describe());
    }
    return out.get(JAVA_INT, 0);
  }

  /** How many GPUs the started driver lists. */
  static int count(Arena arena) {
    var number = arena.allocate(JAVA_INT);
    CudaStatus.check(Cuda.cuDeviceGetCount(number), "GPUs cannot be counted");
    return number.get(JAVA_INT, 0);
  }

  /** A GPU that is there, of whatever age. */
  static Gpu look(int ordinal, Arena arena) {
    var number = arena.allocate(JAVA_INT);
    CudaStatus.check(Cuda.cuDeviceGet(number, ordinal), "GPU " + ordinal);
    int device = number.get(JAVA_INT, 0);
    var name = arena.allocate(JAVA_BYTE, NAME_BYTES);
    CudaStatus.check(Cuda.cuDeviceGetName(name, NAME_BYTES, device), "GPU " + ordinal);
    var bytes = arena.allocate(JAVA_LONG);
    CudaStatus.check(Cuda.cuDeviceTotalMem_v2(bytes, device), "GPU " + ordinal);
    int major = attribute(number, Cuda.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR(), device);
    int minor = attribute(number, Cuda.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR(), device);
    int count = attribute(number, Cuda.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT(), device);
    int shared =
        attribute(number, Cuda.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN(), device);
    return new Gpu(
        ordinal, name.getString(0), major, minor, bytes.get(JAVA_LONG, 0), count, shared);
  }

  private static int attribute(MemorySegment out, int attribute, int device) {
    CudaStatus.check(
        Cuda.cuDeviceGetAttribute(out, attribute, device), "device attribute " + attribute);
    return out.get(JAVA_INT, 0);
  }
}
