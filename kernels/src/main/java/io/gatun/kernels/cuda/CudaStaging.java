package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;

import io.gatun.bindings.cuda.Cuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Copies between host and device through two pinned buffers, so that one is filled while the other
 * travels, and any host memory will do. The copying stream waits for the working one and is waited
 * for by it, so a copy takes its place in the sequence of kernels. Under the device's lock.
 */
final class CudaStaging {
  /** Half of the pinned memory: some tenths of a millisecond on its way. */
  static final long HALF_BYTES = 4L << 20;

  private final CudaContext context;
  private final MemorySegment[] halves = new MemorySegment[2];
  private final MemorySegment[] done = new MemorySegment[2];

  CudaStaging(CudaContext context, Arena arena) {
    this.context = context;
    var out = arena.allocate(ADDRESS);
    for (int i = 0; i < 2; i++) {
      context.check(Cuda.cuMemHostAlloc(out, HALF_BYTES, 0), "no pinned memory");
      halves[i] = out.get(ADDRESS, 0).reinterpret(HALF_BYTES);
      done[i] = context.event(arena);
    }
  }

  /**
   * When it returns the host memory may be changed; the device has the bytes before any later
   * kernel.
   */
  void upload(MemorySegment from, long to, String what) {
    context.graphs().refuse(what);
    context.copiesAfterWork();
    context.profile().begin("upload", context.copies());
    int half = 0;
    for (long at = 0; at < from.byteSize(); at += HALF_BYTES, half ^= 1) {
      long bytes = Math.min(HALF_BYTES, from.byteSize() - at);
      context.check(Cuda.cuEventSynchronize(done[half]), what);
      MemorySegment.copy(from, at, halves[half], 0, bytes);
      context.check(
          Cuda.cuMemcpyHtoDAsync_v2(to + at, halves[half], bytes, context.copies()), what);
      context.check(Cuda.cuEventRecord(done[half], context.copies()), what);
    }
    context.profile().end();
    context.workAfterCopies();
  }

  /** When it returns the host has the bytes. */
  void download(long from, MemorySegment to, String what) {
    context.graphs().refuse(what);
    context.copiesAfterWork();
    context.profile().begin("download", context.copies());
    long total = to.byteSize();
    int half = 0;
    fetch(from, Math.min(HALF_BYTES, total), half, what);
    for (long at = 0; at < total; at += HALF_BYTES, half ^= 1) {
      long next = at + HALF_BYTES;
      if (next < total) {
        fetch(from + next, Math.min(HALF_BYTES, total - next), half ^ 1, what);
      }
      context.check(Cuda.cuEventSynchronize(done[half]), what);
      MemorySegment.copy(halves[half], 0, to, at, Math.min(HALF_BYTES, total - at));
    }
    context.profile().end();
    context.profile().waited(context.work());
    context.workAfterCopies();
  }

  private void fetch(long from, long bytes, int half, String what) {
    if (bytes == 0) {
      return;
    }
    context.check(Cuda.cuMemcpyDtoHAsync_v2(halves[half], from, bytes, context.copies()), what);
    context.check(Cuda.cuEventRecord(done[half], context.copies()), what);
  }

  /** The context is idle. */
  void close() {
    for (int i = 0; i < 2; i++) {
      Cuda.cuMemFreeHost(halves[i]);
      Cuda.cuEventDestroy_v2(done[i]);
    }
  }
}
