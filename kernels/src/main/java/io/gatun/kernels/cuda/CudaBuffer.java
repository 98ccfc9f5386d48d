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

  private final boolean scratch; // ordered by who hands it out
  private long written;

  CudaBuffer(CudaDevice device, String name, long bytes, MemorySegment memory, boolean scratch) {
    this.device = device;
    this.name = name;
    this.bytes = bytes;
    this.memory = memory;
    this.scratch = scratch;
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

  /** Notes an operation that may write it, by number. */
  void written(long operation) {
    written = scratch ? 0 : operation;
  }

  /** The last operation that may have written it. */
  long written() {
    return written;
  }

  @Override
  public String toString() {
    return "%s (%d bytes)".formatted(name, bytes);
  }
}
