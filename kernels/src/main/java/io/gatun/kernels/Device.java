package io.gatun.kernels;

import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.NativeLibrary;
import io.gatun.kernels.cuda.CudaDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Where matrices live and operations run. Calls from several threads are safe and run one after the
 * other; everything a device gave must be freed (its arena closed) before the device is closed.
 */
public sealed interface Device extends AutoCloseable permits CpuDevice, CudaDevice {
  /** What computes. */
  enum Kind {
    /** The machine's processors. */
    CPU,
    /** An NVIDIA GPU. */
    CUDA
  }

  /** Instruction sets the CPU kernels are built for, weakest first. */
  enum CpuVariant {
    /** What every machine of the architecture has. */
    PLAIN,
    /** AVX2, FMA, F16C. */
    AVX2,
    /** AVX-512 F, BW, DQ, VL. */
    AVX512,
    /** AVX-512 with the bf16 dot product. */
    AVX512BF16;

    /**
     * The variants this machine can run, weakest first.
     *
     * @return at least {@link #PLAIN}
     */
    public static List<CpuVariant> available() {
      return NativeLibrary.available();
    }
  }

  /**
   * The CPU with the strongest variant and one thread for each processor that the JVM may use.
   *
   * @return a new device, to be closed
   * @throws DeviceException when there is no native library for this machine
   */
  static Device cpu() {
    return cpu(Runtime.getRuntime().availableProcessors(), CpuVariant.available().getLast());
  }

  /**
   * The CPU.
   *
   * @param threads threads a kernel runs on, the calling one included
   * @param variant instruction set
   * @return a new device, to be closed
   * @throws DeviceException when there is no native library for this machine, or the machine cannot
   *     run the variant
   */
  static Device cpu(int threads, CpuVariant variant) {
    return CpuDevice.open(threads, variant);
  }

  /**
   * The first GPU.
   *
   * @return a new device, to be closed
   * @throws DeviceException as {@link #cuda(int)}
   */
  static Device cuda() {
    return cuda(0);
  }

  /**
   * An NVIDIA GPU of compute capability 8.0 or newer. What is missing is refused, never replaced:
   * there is no falling back to the CPU. {@link CudaFindings#look} says beforehand what there is.
   * The first time on a machine all kernels are compiled for its GPU and kept, which takes seconds.
   *
   * @param ordinal its number, from 0, in the driver's order
   * @return a new device, to be closed
   * @throws DeviceException when there is no driver, NVRTC, cuBLASLt or such a GPU, or one of them
   *     is too old; the message says which, what was tried and what to install
   */
  static Device cuda(int ordinal) {
    return CudaDevice.ready(ordinal);
  }

  /**
   * Zeroed memory, aligned to 64 bytes or more.
   *
   * @param name what it is for; several buffers may share a name and are then added up in tables
   * @param bytes size, may be 0
   * @param owner frees the memory when it closes; a confined arena confines the memory to its
   *     thread
   * @return the memory
   * @throws DeviceException when there is not enough, with a table of what is live
   */
  Buffer allocate(String name, long bytes, Arena owner);

  /**
   * Copies all of a host segment into a buffer.
   *
   * @param from host memory
   * @param to a buffer of this device
   * @param toOffset bytes of the buffer before the copy
   */
  void upload(MemorySegment from, Buffer to, long toOffset);

  /**
   * Copies from a buffer, filling a host segment.
   *
   * @param from a buffer of this device
   * @param fromOffset bytes of the buffer before the copy
   * @param to host memory; its size is the number of bytes copied
   */
  void download(Buffer from, long fromOffset, MemorySegment to);

  /**
   * Copies from a buffer to another, or to bytes of the same that do not overlap.
   *
   * @param from a buffer of this device
   * @param fromOffset bytes of it before the copy
   * @param to a buffer of this device
   * @param toOffset bytes of it before the copy
   * @param bytes how many
   */
  void copy(Buffer from, long fromOffset, Buffer to, long toOffset, long bytes);

  /**
   * Fills a buffer with zero bytes.
   *
   * @param buffer a buffer of this device
   */
  void zero(Buffer buffer);

  /** Waits until everything asked for so far is done. */
  void synchronize();

  /**
   * Memory in use.
   *
   * @return a snapshot
   */
  MemoryUse memory();

  /**
   * Runs some work and measures the operations that this device is asked for meanwhile, by whatever
   * thread. With {@code -Dgatun.profile=true} a GPU is measured from its opening to its closing,
   * and then logs the {@linkplain Profile#table table}.
   *
   * @param work the work
   * @return what the device was doing
   * @throws DeviceException on the CPU, whose operations the caller can time itself
   * @throws IllegalStateException when the device is being profiled already
   */
  default Profile profile(Runnable work) {
    return switch (this) {
      case CpuDevice _ ->
          throw new DeviceException("a profile shows what a GPU does; the CPU keeps none");
      case CudaDevice cuda -> cuda.profiled(work);
    };
  }

  /**
   * What computes.
   *
   * @return the kind of this device
   */
  default Kind kind() {
    return switch (this) {
      case CpuDevice _ -> Kind.CPU;
      case CudaDevice _ -> Kind.CUDA;
    };
  }

  /**
   * Gives threads and scratch back. Closing again does nothing.
   *
   * @throws DeviceException when buffers are live, with a table of them; the device then stays open
   */
  @Override
  void close();
}
