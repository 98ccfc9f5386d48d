package io.gatun.bindings.emulator;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.bindings.cuda.Cuda;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Mistakes of the host: each is refused or fails where it is waited for, and says whose it is. */
class HostMistakesTest {
  private static final String ADD_ONE =
      """
      extern "C" __global__ void __launch_bounds__(32) add_one(const float* x, float* y, u32 n) {
        DYNAMIC_SHARED(float, scratch);
        if (threadIdx.x < n) y[threadIdx.x] = x[threadIdx.x] + 1;
      }
      """;

  private Emulator e;
  private MemorySegment kernel;
  private long x;
  private long y;

  @BeforeEach
  void open() {
    e = Emulator.open();
    kernel = e.kernel("add_one.cu", "add_one", ADD_ONE);
    x = e.floats("x", 1, 2, 3, 4);
    y = e.memory("y", 16);
  }

  @AfterEach
  void close() {
    if (e != null) {
      e.close();
    }
  }

  private void refused(int code, String... says) {
    assertNotEquals(0, code, "not caught");
    String message = e.message(code);
    for (String s : says) {
      assertTrue(message.contains(s), message);
    }
  }

  private void launch() {
    e.check(e.launch(kernel, 1, 32, x, y, 4));
  }

  private MemorySegment pinned(long bytes) {
    var out = e.arena.allocate(ADDRESS);
    e.check(Cuda.cuMemHostAlloc(out, bytes, 0));
    return out.get(ADDRESS, 0).reinterpret(bytes);
  }

  @Test
  void argumentsOfAnotherNumberOrSize() {
    String takes =
        "kernel add_one takes 3 parameters of 8, 8, 4 bytes, 20 bytes together; the launch brings ";
    refused(e.launch(kernel, 1, 32, x, y), takes + 16);
    refused(e.launch(kernel, 1, 32, x, y, 4L), takes + 24);
    refused(e.launch(kernel, 1, 32, x, y, 4, 4), takes + 24);
  }

  @Test
  void launchesThatTheKernelDoesNotAllow() {
    refused(
        e.launch(kernel, 1, 64, x, y, 4),
        "kernel add_one: 64 threads a block, __launch_bounds__ allows 32");
    refused(e.launch(kernel, 0, 32, x, y, 4), "kernel add_one: a launch of 0 blocks of 32 threads");
    int shared = 49 << 10;
    refused(
        e.launch(e.stream, kernel, 1, 1, 32, shared, x, y, 4),
        "50176 bytes of dynamic shared memory, allowed are 49152");
    e.check(
        Cuda.cuFuncSetAttribute(
            kernel, Cuda.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES(), shared));
    e.check(e.launch(e.stream, kernel, 1, 1, 32, shared, x, y, 4));
    e.check(e.synchronize());
  }

  @Test
  void readingWithoutASynchronize() {
    launch();
    var host = e.arena.allocate(16);
    refused(
        Cuda.cuMemcpyDtoH_v2(host, y, 16),
        "missing synchronize: copy to the host from y, while kernel add_one on stream",
        "uses allocation y");
    e.check(Cuda.cuStreamSynchronize(e.stream));
    assertEquals(5, e.read(y, 4)[3]);
  }

  @Test
  void readingAnAsynchronousCopyTooEarly() {
    launch();
    var host = pinned(16);
    e.check(Cuda.cuMemcpyDtoHAsync_v2(host, y, 16, e.stream));
    assertTrue(Float.isNaN(host.get(JAVA_FLOAT, 0)), "not there yet");
    e.check(Cuda.cuStreamSynchronize(e.stream));
    assertEquals(2, host.get(JAVA_FLOAT, 0));
    e.check(Cuda.cuMemFreeHost(host));
  }

  @Test
  void changingAStagingBufferTooEarly() {
    var host = pinned(16);
    host.copyFrom(MemorySegment.ofArray(new float[] {1, 1, 1, 1}));
    e.check(Cuda.cuMemcpyHtoDAsync_v2(y, host, 16, e.stream));
    host.fill((byte) 0);
    refused(
        Cuda.cuMemFreeHost(host),
        "missing synchronize: free of pinned",
        "copy from the host to y on stream");
    e.check(Cuda.cuStreamSynchronize(e.stream));
    assertEquals(0, e.read(y, 1)[0], "the copy saw what was there when it ran");
    refused(
        Cuda.cuMemcpyHtoDAsync_v2(y, e.arena.allocate(16), 16, e.stream),
        "an asynchronous copy needs pinned host memory");
    e.check(Cuda.cuMemFreeHost(host));
  }

  @Test
  void streamsThatDoNotWaitForEachOther() {
    var copies = e.newStream();
    var host = pinned(16);
    launch();
    e.check(Cuda.cuMemcpyDtoHAsync_v2(host, y, 16, copies));
    refused(
        Cuda.cuStreamSynchronize(copies),
        "cuMemcpyDtoHAsync: uninitialised: read of byte 0 at offset 0 of allocation y");
  }

  @Test
  void streamsThatDoNotWaitForEachOtherButRanInOrder() {
    var copies = e.newStream();
    var host = pinned(16);
    launch();
    var event = e.newEvent();
    e.check(Cuda.cuEventRecord(event, e.stream));
    e.check(Cuda.cuMemcpyDtoHAsync_v2(host, y, 16, copies));
    e.check(Cuda.cuStreamSynchronize(e.stream));
    refused(
        Cuda.cuStreamSynchronize(copies),
        "cuMemcpyDtoHAsync: race with kernel add_one on stream",
        "read at offset 0 of allocation y");
  }

  @Test
  void anEventOrdersStreams() {
    var copies = e.newStream();
    var host = pinned(16);
    launch();
    var event = e.newEvent();
    e.check(Cuda.cuEventRecord(event, e.stream));
    e.check(Cuda.cuStreamWaitEvent(copies, event, 0));
    e.check(Cuda.cuMemcpyDtoHAsync_v2(host, y, 16, copies));
    e.check(Cuda.cuStreamSynchronize(copies));
    assertEquals(2, host.get(JAVA_FLOAT, 0));
    e.check(Cuda.cuMemFreeHost(host));
    e.check(Cuda.cuEventDestroy_v2(event));
    e.check(Cuda.cuStreamDestroy_v2(copies));
  }

  @Test
  void queriesGoOnUntilAllIsDone() {
    launch();
    var event = e.newEvent();
    e.check(Cuda.cuEventRecord(event, e.stream));
    assertEquals(Cuda.CUDA_ERROR_NOT_READY(), Cuda.cuEventQuery(event));
    while (Cuda.cuEventQuery(event) != 0) {}
    e.check(Cuda.cuStreamQuery(e.stream));
    assertEquals(5, e.read(y, 4)[3]);
    e.check(Cuda.cuEventDestroy_v2(event));
  }

  @Test
  void aStreamDestroyedWithWork() {
    launch();
    refused(
        Cuda.cuStreamDestroy_v2(e.stream),
        "missing synchronize: stream",
        "is destroyed, and nobody has waited for kernel add_one");
    e.check(e.synchronize());
  }

  @Test
  void useAfterFree() {
    e.forget(y);
    e.check(Cuda.cuMemFree_v2(y));
    launch();
    refused(
        e.synchronize(),
        "use after free: write of 4 bytes at offset 0 of allocation y (16 bytes, freed) at"
            + " add_one.cu:3; kernel add_one, block (0,0,0), thread 0");
  }

  @Test
  void copiesAfterFreeAndOutOfBounds() {
    var host = e.arena.allocate(32);
    refused(
        Cuda.cuMemcpyDtoH_v2(host, x, 32),
        "cuMemcpyDtoH: out of bounds: read of 32 bytes at offset 0 of allocation x (16 bytes)");
  }

  @Test
  void doubleFree() {
    e.forget(y);
    e.check(Cuda.cuMemFree_v2(y));
    refused(Cuda.cuMemFree_v2(y), "double free of allocation y (16 bytes)");
    refused(Cuda.cuMemFree_v2(x + 4), "is no allocation");
  }

  @Test
  void memoryOfOneStreamUsedOnAnother() {
    var other = e.newStream();
    var out = e.arena.allocate(JAVA_LONG);
    e.check(Cuda.cuMemAllocAsync(out, 16, other));
    long late = out.get(JAVA_LONG, 0);
    Emulator.call("emu_name", late, e.arena.allocateFrom("late"));
    e.check(e.launch(kernel, 1, 32, x, late, 4));
    refused(
        Cuda.cuStreamSynchronize(e.stream),
        "not allocated yet, on a stream that is not waited for: write of 4 bytes at offset 0 of"
            + " allocation late",
        "kernel add_one");
  }

  @Test
  void memoryFreedOnOneStreamWhileAnotherUsesIt() {
    var other = e.newStream();
    launch();
    e.forget(y);
    e.check(Cuda.cuMemFreeAsync(y, other));
    refused(Cuda.cuMemFreeAsync(y, other), "double free of allocation y");
    e.check(Cuda.cuStreamSynchronize(e.stream));
    refused(
        Cuda.cuStreamSynchronize(other),
        "free too early: kernel add_one on stream",
        "uses allocation y and is not waited for");
  }

  @Test
  void aContextDestroyedWithMemory() {
    try (var leaking = Emulator.open()) {
      // The same primary context: it is destroyed by the last release only.
      e.check(leaking.synchronize());
    }
    e.check(Cuda.cuDevicePrimaryCtxRetain(e.arena.allocate(ADDRESS), 0));
    e.check(Cuda.cuDevicePrimaryCtxRelease_v2(0));
    int code = Cuda.cuDevicePrimaryCtxRelease_v2(0);
    refused(
        code,
        "leak: the context is destroyed with 1 streams; 1 modules; 2 allocations: x (16 bytes), y"
            + " (16 bytes)");
    e.arena.close();
    e = null;
  }

  @Test
  void outOfMemory() {
    Emulator.call("emu_capacity", 1L << 20);
    try {
      refused(Cuda.cuMemAlloc_v2(e.arena.allocate(JAVA_LONG), 1 << 20), "out of memory");
    } finally {
      Emulator.call("emu_capacity", 1L << 30);
    }
  }

  @Test
  void aThreadWithoutTheContext() {
    e.check(Cuda.cuCtxSetCurrent(MemorySegment.NULL));
    refused(Cuda.cuCtxSynchronize(), "this thread has no current context");
    var context = e.arena.allocate(ADDRESS);
    e.check(Cuda.cuDevicePrimaryCtxRetain(context, 0));
    e.check(Cuda.cuCtxSetCurrent(context.get(ADDRESS, 0)));
    e.check(Cuda.cuDevicePrimaryCtxRelease_v2(0));
  }

  @Test
  void trafficIsCounted() {
    var bytes = e.arena.allocate(JAVA_LONG, 6);
    launch();
    e.check(e.synchronize());
    Emulator.call("emu_count");
    launch();
    e.check(e.synchronize());
    Emulator.call("emu_bytes", y, bytes);
    assertArrayEquals(new long[] {0, 0, 0, 16, 16, 4}, bytes.toArray(JAVA_LONG));
  }
}
