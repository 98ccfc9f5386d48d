package io.gatun.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;

import com.sun.management.OperatingSystemMXBean;
import io.gatun.kernels.memory.Ledger;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The buffers of a device and their accounting. All methods are called under the device's lock;
 * freeing, which an arena starts, takes it.
 */
final class CpuMemory {
  private final CpuDevice device;
  private final ReentrantLock lock;
  private final NativeLibrary library;
  private final MemorySegment out;
  private final Ledger ledger;

  CpuMemory(CpuDevice device, ReentrantLock lock, NativeLibrary library, Arena arena) {
    this.device = device;
    this.lock = lock;
    this.library = library;
    out = arena.allocate(ADDRESS);
    var system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    ledger = new Ledger(device, system.getTotalMemorySize());
  }

  CpuBuffer allocate(String name, long bytes, Arena owner) {
    if (bytes < 0) {
      throw new IllegalArgumentException("%s cannot have %d bytes".formatted(name, bytes));
    }
    long mapped = Math.max(bytes, 1);
    var address = ledger.hasRoom(bytes) ? library.map(mapped, out) : MemorySegment.NULL;
    if (address.equals(MemorySegment.NULL)) {
      throw ledger.outOfMemory(name, bytes);
    }
    // The cleanup is made before the buffer it frees, so it finds it here.
    var registered = new CpuBuffer[1];
    MemorySegment memory;
    try {
      memory = address.reinterpret(bytes, owner, ignored -> free(registered[0], address, mapped));
    } catch (RuntimeException e) {
      library.unmap(address, mapped);
      throw e;
    }
    registered[0] = new CpuBuffer(device, name, memory);
    ledger.add(registered[0]);
    return registered[0];
  }

  private void free(CpuBuffer buffer, MemorySegment address, long mapped) {
    lock.lock();
    try {
      ledger.remove(buffer);
      library.unmap(address, mapped);
    } finally {
      lock.unlock();
    }
  }

  Ledger ledger() {
    return ledger;
  }
}
