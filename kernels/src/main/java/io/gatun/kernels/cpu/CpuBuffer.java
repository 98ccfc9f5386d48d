package io.gatun.kernels.cpu;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.Device;
import java.lang.foreign.MemorySegment;

/** Memory of a {@link CpuDevice}. */
public final class CpuBuffer implements Buffer {
  private final CpuDevice device;
  private final String name;
  private final MemorySegment memory;

  CpuBuffer(CpuDevice device, String name, MemorySegment memory) {
    this.device = device;
    this.name = name;
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
    return memory.byteSize();
  }

  MemorySegment memory() {
    return memory;
  }

  /**
   * The address as a number: the only way to one, and only after checking that the memory is live
   * and that this thread may use it. Valid while the caller holds the device's lock, because
   * freeing takes the lock as well.
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
    return "%s (%d bytes)".formatted(name, bytes());
  }
}
