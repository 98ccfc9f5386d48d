package io.gatun.kernels.memory;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.Device;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.MemoryUse;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeMap;

/** The live buffers of a device. All methods are called under the device's lock. */
public final class Ledger {
  private final Device device;
  private final long capacity;
  private final Set<Buffer> live = new HashSet<>();
  private final TreeMap<String, Long> kept = new TreeMap<>();
  private long allocated;
  private long peak;

  /**
   * A ledger without buffers.
   *
   * @param device whose buffers it counts
   * @param capacity bytes that the device has for this process
   */
  public Ledger(Device device, long capacity) {
    this.device = device;
    this.capacity = capacity;
  }

  /**
   * Counts a buffer.
   *
   * @param buffer new and live
   */
  public void add(Buffer buffer) {
    live.add(buffer);
    allocated += buffer.bytes();
    peak = Math.max(peak, inUse());
  }

  /**
   * Counts a buffer no more.
   *
   * @param buffer counted before
   */
  public void remove(Buffer buffer) {
    live.remove(buffer);
    allocated -= buffer.bytes();
  }

  /**
   * Counts memory that the device keeps for itself: it stands in tables, but is nobody's to free.
   *
   * @param name what for
   * @param bytes more of it; negative when it is given back
   */
  public void keep(String name, long bytes) {
    kept.merge(name, bytes, (a, b) -> a + b == 0 ? null : Long.valueOf(a + b));
    peak = Math.max(peak, inUse());
  }

  private long inUse() {
    return allocated + kept.values().stream().mapToLong(Long::longValue).sum();
  }

  /**
   * Whether there can be room at all.
   *
   * @param bytes of a buffer to come
   * @return false if they are more than capacity and live buffers leave
   */
  public boolean hasRoom(long bytes) {
    return bytes <= capacity - inUse();
  }

  /**
   * Says that there is no memory, and who has it.
   *
   * @param name of the buffer that was asked for
   * @param bytes its size
   * @return the exception to throw
   */
  public DeviceException outOfMemory(String name, long bytes) {
    return new DeviceException(
        ("no memory for %s: %,d bytes asked for, %,d of %,d in use; less is needed with fewer or"
                + " shorter rows at a time, recomputed blocks or 4-bit weights. In use:%n%s")
            .formatted(name, bytes, inUse(), capacity, use().table()));
  }

  /**
   * What is in use.
   *
   * @return bytes, by the names of the buffers
   */
  public MemoryUse use() {
    var byName = new TreeMap<>(kept);
    live.forEach(b -> byName.merge(b.name(), b.bytes(), Long::sum));
    return new MemoryUse(allocated, peak, capacity, byName);
  }

  /**
   * Refuses to go on while buffers live.
   *
   * @throws DeviceException naming them
   */
  public void requireEmpty() {
    if (!live.isEmpty()) {
      throw new DeviceException(
          "%s has %,d bytes in %d live buffers; close their arenas before the device:%n%s"
              .formatted(device, allocated, live.size(), use().table()));
    }
  }
}
