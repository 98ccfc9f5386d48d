package io.gatun.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;

import com.sun.management.OperatingSystemMXBean;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.MemoryUse;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeMap;
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
  private final long capacity =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
  private final Set<CpuBuffer> live = new HashSet<>();
  private long allocated;
  private long peak;

  CpuMemory(CpuDevice device, ReentrantLock lock, NativeLibrary library, Arena arena) {
    this.device = device;
    this.lock = lock;
    this.library = library;
    out = arena.allocate(ADDRESS);
  }

  CpuBuffer allocate(String name, long bytes, Arena owner) {
    if (bytes < 0) {
      throw new IllegalArgumentException("%s cannot have %d bytes".formatted(name, bytes));
    }
    long mapped = Math.max(bytes, 1);
    var address = bytes > capacity - allocated ? MemorySegment.NULL : library.map(mapped, out);
    if (address.equals(MemorySegment.NULL)) {
      throw new DeviceException(
          "no memory for %s: %,d bytes asked for, %,d of %,d in use:%n%s"
              .formatted(name, bytes, allocated, capacity, use().table()));
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
    live.add(registered[0]);
    allocated += bytes;
    peak = Math.max(peak, allocated);
    return registered[0];
  }

  private void free(CpuBuffer buffer, MemorySegment address, long mapped) {
    lock.lock();
    try {
      live.remove(buffer);
      allocated -= buffer.bytes();
      library.unmap(address, mapped);
    } finally {
      lock.unlock();
    }
  }

  MemoryUse use() {
    var byName = new TreeMap<String, Long>();
    live.forEach(b -> byName.merge(b.name(), b.bytes(), Long::sum));
    return new MemoryUse(allocated, peak, capacity, byName);
  }

  void requireEmpty() {
    if (!live.isEmpty()) {
      throw new DeviceException(
          "%s has %,d bytes in %d live buffers; close their arenas before the device:%n%s"
              .formatted(device, allocated, live.size(), use().table()));
    }
  }
}
