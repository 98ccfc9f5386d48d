package io.gatun.kernels.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.Device;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.MemoryUse;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * The CPU as a device: memory, threads and scratch, and the one way into the C functions. One lock
 * serialises calls, copies and frees, so an arena that is closed during a call frees its memory
 * after the call.
 */
public final class CpuDevice implements Device {
  private static final long SCRATCH_BYTES = 8L << 20;
  private static final long CONTEXT_BYTES = 64;
  private static final long FRAME_BYTES = 1L << 20;

  private final int threads;
  private final CpuVariant variant;
  private final ReentrantLock lock = new ReentrantLock();
  private final Arena arena;
  private final NativeLibrary library;
  private final CpuMemory memory;
  private final MemorySegment pool;
  private final MemorySegment scratch;
  private final CpuHandles handles;
  private final CpuCall call;
  private boolean closed;

  private CpuDevice(int threads, CpuVariant variant, Arena arena) {
    this.threads = threads;
    this.variant = variant;
    this.arena = arena;
    library = NativeLibrary.load(variant, arena);
    memory = new CpuMemory(this, lock, library, arena);
    var out = arena.allocate(ADDRESS);
    scratch = library.map(threads * SCRATCH_BYTES, out);
    if (scratch.equals(MemorySegment.NULL)) {
      throw new DeviceException("no memory for the scratch of %d threads".formatted(threads));
    }
    pool = threads == 1 ? MemorySegment.NULL : library.openPool(threads, out);
    handles = new CpuHandles(library.symbols(), context());
    call = new CpuCall(this, arena.allocate(FRAME_BYTES, 64));
  }

  /**
   * Opens the CPU.
   *
   * @param threads threads a kernel runs on, the calling one included
   * @param variant instruction set
   * @return a new device
   */
  public static CpuDevice open(int threads, CpuVariant variant) {
    if (threads < 1 || threads > 1024) {
      throw new IllegalArgumentException("a CPU device has 1 to 1024 threads, not " + threads);
    }
    var available = CpuVariant.available();
    if (!available.contains(variant)) {
      throw new DeviceException(
          "this machine cannot run the %s kernels; it can run %s".formatted(variant, available));
    }
    var arena = Arena.ofShared();
    try {
      return new CpuDevice(threads, variant, arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private MemorySegment context() {
    var context = arena.allocate(CONTEXT_BYTES, 64);
    context.set(ADDRESS, 0, pool);
    context.set(ADDRESS, 8, scratch);
    context.set(JAVA_LONG, 16, SCRATCH_BYTES);
    context.set(JAVA_INT, 24, threads);
    return context;
  }

  /**
   * Calls a C function.
   *
   * @param kernel which
   * @param arguments pushes its arguments, in order
   * @throws DeviceException when it refuses, with the shapes
   */
  public void call(CpuKernel kernel, Consumer<CpuCall> arguments) {
    lock.lock();
    try {
      invoke(kernel, arguments);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Calls a C function that has one result.
   *
   * @param kernel which; one of its arguments is pushed by {@link CpuCall#result}
   * @param arguments pushes its arguments, in order
   * @return the result
   */
  public double callForDouble(CpuKernel kernel, Consumer<CpuCall> arguments) {
    lock.lock();
    try {
      invoke(kernel, arguments);
      return call.resultDouble();
    } finally {
      lock.unlock();
    }
  }

  private void invoke(CpuKernel kernel, Consumer<CpuCall> arguments) {
    requireOpen();
    call.begin(kernel);
    try {
      arguments.accept(call);
      call.requireComplete();
      int status = handles.invoke(kernel, call);
      if (status != 0) {
        throw new DeviceException(
            "%s: %s (matrices %s; %s)"
                .formatted(kernel.stem(), reason(status), call.shapes(), this));
      }
    } finally {
      call.end();
    }
  }

  private static String reason(int status) {
    return switch (status) {
      case 1 -> "the kernel refused a shape or type";
      case 2 -> "an id, label or segment lies outside its table";
      case 3 -> "the scratch of a thread is too small for this shape";
      case 4 -> "the operating system gave no thread";
      case 5 -> "the operating system gave no memory";
      case 6 -> "a target is not from 0 to 1";
      default -> "unknown status " + status;
    };
  }

  @Override
  public Buffer allocate(String name, long bytes, Arena owner) {
    lock.lock();
    try {
      requireOpen();
      return memory.allocate(name, bytes, owner);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void upload(MemorySegment from, Buffer to, long toOffset) {
    lock.lock();
    try {
      MemorySegment.copy(from, 0, segment(to), toOffset, from.byteSize());
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void download(Buffer from, long fromOffset, MemorySegment to) {
    lock.lock();
    try {
      MemorySegment.copy(segment(from), fromOffset, to, 0, to.byteSize());
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void copy(Buffer from, long fromOffset, Buffer to, long toOffset, long bytes) {
    lock.lock();
    try {
      MemorySegment.copy(segment(from), fromOffset, segment(to), toOffset, bytes);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void zero(Buffer buffer) {
    lock.lock();
    try {
      segment(buffer).fill((byte) 0);
    } finally {
      lock.unlock();
    }
  }

  private MemorySegment segment(Buffer buffer) {
    requireOpen();
    return switch (buffer) {
      case CpuBuffer b when b.device() == this -> b.memory();
      default ->
          throw new IllegalArgumentException(
              "buffer %s belongs to another device".formatted(buffer.name()));
    };
  }

  @Override
  public void synchronize() {
    lock.lock();
    lock.unlock();
  }

  @Override
  public MemoryUse memory() {
    lock.lock();
    try {
      return memory.ledger().use();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      memory.ledger().requireEmpty();
      closed = true;
      if (threads > 1) {
        library.closePool(pool);
      }
      library.unmap(scratch, threads * SCRATCH_BYTES);
      arena.close();
    } finally {
      lock.unlock();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException(this + " is closed");
    }
  }

  @Override
  public String toString() {
    return "cpu %s, %d threads".formatted(variant, threads);
  }
}
