package io.gatun.kernels.cuda;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.Device;
import io.gatun.kernels.memory.Pointers;
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

  /** The address on the device, by the rules of {@link Pointers}: the only way to one. */
  long pointer() {
    return Pointers.of(name, memory);
  }

  /** The address of a byte from which on so many are inside. */
  long range(long offset, long count) {
    long address = pointer();
    if (offset < 0 || count < 0 || count > bytes - offset) {
      throw new IndexOutOfBoundsException(
          "%d bytes at byte %d of buffer %s, which has %d".formatted(count, offset, name, bytes));
    }
    return address + offset;
  }

  @Override
  public String toString() {
    return "%s (%d bytes)".formatted(name, bytes);
  }
}
