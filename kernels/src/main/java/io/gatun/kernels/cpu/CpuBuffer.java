package io.gatun.kernels.cpu;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.Device;
import io.gatun.kernels.memory.Pointers;
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

  /** The address on the device, by the rules of {@link Pointers}: the only way to one. */
  long pointer() {
    return Pointers.of(name, memory);
  }

  @Override
  public String toString() {
    return "%s (%d bytes)".formatted(name, bytes());
  }
}
