package io.gatun.kernels.cuda;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.Device;
import java.lang.foreign.MemorySegment;

/** Memory of a {@link CudaDevice}. */
public final class CudaBuffer implements Buffer {
  private final CudaDevice device;
  private final String name;
  private final long bytes;
  private final MemorySegment memory; // of no length: the host cannot touch it, an arena ends it

  CudaBuffer(CudaDevice device, String name, long bytes, MemorySegment memory) {
    this.device = device;
    this.name = name;
    this.bytes = bytes;
    this.memory = memory;
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long bytes() {
    return bytes;
  }

  /**
   * The address on the device: the only way to it, and only after checking that the memory is live
   * and that this thread may use it. Valid while the caller holds the device's lock.
   */
  long pointer() {
    if (!memory.scope().isAlive()) {
      throw new IllegalStateException("buffer %s was freed: its arena is closed".formatted(name));
    }
    if (!memory.isAccessibleBy(Thread.currentThread())) {
      throw new WrongThreadException(
          "buffer %s belongs to a confined arena of another thread; allocate it in a shared arena"
              .formatted(name));
    }
    return memory.address();
  }

  @Override
  public String toString() {
    return "%s (%d bytes)".formatted(name, bytes);
  }
}
