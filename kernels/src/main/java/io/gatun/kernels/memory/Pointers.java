package io.gatun.kernels.memory;

import java.lang.foreign.MemorySegment;

/** Addresses of buffers as numbers, which native code gets. */
public final class Pointers {
  private Pointers() {}

  /**
   * The address of a buffer, after checking that its memory is live and that this thread may use
   * it. Valid while the caller holds the device's lock, because freeing takes the lock as well.
   *
   * @param name of the buffer
   * @param memory of the buffer, which an arena ends
   * @return the address
   * @throws IllegalStateException if the buffer was freed
   * @throws WrongThreadException if its arena is confined to another thread
   */
  public static long of(String name, MemorySegment memory) {
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
}
