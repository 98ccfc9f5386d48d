package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.memory.Ledger;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The buffers of a device and their accounting. Memory is allocated, zeroed and freed in the order
 * of the working stream, so that nothing waits. All methods are called under the device's lock;
 * freeing, which an arena starts, takes it.
 */
final class CudaMemory {
  /** Of what is kept whatever is computed. */
  static final String SCRATCH = "device.scratch";

  private static final long TICKET_BYTES = 4L * CudaDevice.TICKETS;

  /** The scratch and the tickets behind it. */
  static final long KEPT_BYTES = CudaDevice.SCRATCH_BYTES + TICKET_BYTES;

  private final CudaDevice device;
  private final ReentrantLock lock;
  private final CudaContext context;
  private final MemorySegment out;
  private final Ledger ledger;
  private long scratch;

  CudaMemory(CudaDevice device, ReentrantLock lock, CudaContext context, Arena arena) {
    this.device = device;
    this.lock = lock;
    this.context = context;
    out = arena.allocate(JAVA_LONG);
    ledger = new Ledger(device, free(arena));
  }

  /** What other processes and the context have left. */
  private long free(Arena arena) {
    var free = arena.allocate(JAVA_LONG, 2);
    context.check(Cuda.cuMemGetInfo_v2(free, free.asSlice(JAVA_LONG.byteSize())), "free memory");
    return free.get(JAVA_LONG, 0);
  }

  CudaBuffer allocate(String name, long bytes, Arena owner) {
    if (bytes < 0) {
      throw new IllegalArgumentException("%s cannot have %d bytes".formatted(name, bytes));
    }
    long address = take(name, bytes);
    zero(name, address, Math.max(bytes, 1));
    // The cleanup is made before the buffer it frees, so it finds it here.
    var registered = new CudaBuffer[1];
    MemorySegment memory;
    try {
      memory =
          MemorySegment.ofAddress(address)
              .reinterpret(0, owner, ignored -> free(registered[0], address));
    } catch (RuntimeException e) {
      Cuda.cuMemFreeAsync(address, context.work());
      throw e;
    }
    registered[0] = new CudaBuffer(device, name, bytes, memory, false);
    context.use(registered[0]);
    ledger.add(registered[0]);
    return registered[0];
  }

  /** Memory of the device's own, which no arena ends; not zeroed. */
  CudaBuffer keep(String name, long bytes) {
    var buffer =
        new CudaBuffer(device, name, bytes, MemorySegment.ofAddress(take(name, bytes)), true);
    ledger.keep(name, bytes);
    return buffer;
  }

  /** Frees what was kept. */
  void giveBack(CudaBuffer buffer) {
    context.graphs().refuse("freeing " + buffer.name());
    context.graphs().freed(buffer);
    ledger.keep(buffer.name(), -buffer.bytes());
    Cuda.cuMemFreeAsync(buffer.pointer(), context.work());
  }

  private long take(String name, long bytes) {
    context.graphs().refuse("allocation of " + name);
    long taken = Math.max(bytes, 1);
    int code = Cuda.cuMemAllocAsync(out, taken, context.work());
    if (code == Cuda.CUDA_ERROR_OUT_OF_MEMORY()) {
      // What was freed may not have come back yet.
      context.check(context.synchronize(), "allocation of " + name);
      code = Cuda.cuMemAllocAsync(out, taken, context.work());
    }
    if (code == Cuda.CUDA_ERROR_OUT_OF_MEMORY()) {
      throw ledger.outOfMemory(name, bytes);
    }
    context.check(code, "allocation of " + name);
    return out.get(JAVA_LONG, 0);
  }

  private void zero(String name, long address, long bytes) {
    int code = Cuda.cuMemsetD8Async(address, (byte) 0, bytes, context.work());
    context.check(code, "allocation of " + name);
  }

  /** Also after a kernel that broke the context, which then holds no memory that could be freed. */
  private void free(CudaBuffer buffer, long address) {
    lock.lock();
    try {
      context.graphs().refuse("freeing " + buffer.name());
      ledger.remove(buffer);
      context.enter();
      context.graphs().freed(buffer);
      Cuda.cuMemFreeAsync(address, context.work());
    } finally {
      lock.unlock();
    }
  }

  /** Address of the scratch; used in the order of the working stream only. */
  long scratch(long bytes) {
    requireRoom(bytes, CudaDevice.SCRATCH_BYTES, "bytes of scratch");
    return own();
  }

  /** Address of the tickets, behind the scratch. */
  long tickets(int count) {
    requireRoom(count, CudaDevice.TICKETS, "tickets");
    return own() + CudaDevice.SCRATCH_BYTES;
  }

  private void requireRoom(long needed, long there, String what) {
    if (needed > there) {
      throw new DeviceException(
          "an op needs %,d %s, %s has %,d; give it fewer rows at a time"
              .formatted(needed, what, device, there));
    }
  }

  /**
   * Memory of the device's own, always the same bytes, taken at the first call. First the scratch,
   * which holds anything, then the tickets, which are zero.
   */
  private long own() {
    if (scratch == 0) {
      scratch = keep(SCRATCH, KEPT_BYTES).pointer();
      zero("tickets", scratch + CudaDevice.SCRATCH_BYTES, TICKET_BYTES);
    }
    return scratch;
  }

  /** The context is idle. */
  void close() {
    if (scratch != 0) {
      Cuda.cuMemFreeAsync(scratch, context.work());
      context.synchronize();
    }
  }

  Ledger ledger() {
    return ledger;
  }
}
