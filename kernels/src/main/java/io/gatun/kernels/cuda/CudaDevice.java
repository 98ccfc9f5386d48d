package io.gatun.kernels.cuda;

import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.Buffer;
import io.gatun.kernels.Device;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.MemoryUse;
import io.gatun.kernels.Profile;
import io.gatun.kernels.cache.Cache;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A GPU. Launches return before they are done; a kernel that fails is seen by a later call, or by
 * its own with {@code -Dgatun.syncEveryLaunch=true}. So is one that was given an id outside its
 * table: the next download or wait throws.
 */
public final class CudaDevice implements Device {
  /** Scratch that ops share, one after the other; allocated when the first asks for some. */
  public static final long SCRATCH_BYTES = 32L << 20;

  /** Counters for kernels in which the last block does something; as long-lived as the scratch. */
  public static final int TICKETS = 1 << 14;

  /** Shared memory that a block can have on every GPU from compute capability 8.0 on. */
  public static final int SHARED_BYTES = 99 << 10;

  private final ReentrantLock lock = new ReentrantLock();
  private final Consumer<MemorySegment> downloaded;
  private final Arena arena;
  final CudaContext context;
  final CudaMemory memory;
  private final CudaStaging staging;
  final CudaFaults faults;
  private final CudaModules modules;
  private final CudaLaunches launches;
  private final CudaProducts products;
  private final CudaErrors errors;
  private boolean closed;

  private CudaDevice(CudaDriver.Gpu gpu, Consumer<MemorySegment> downloaded, Arena arena) {
    this.downloaded = downloaded;
    this.arena = arena;
    context = new CudaContext(gpu, arena);
    try {
      memory = new CudaMemory(this, lock, context, arena);
      staging = new CudaStaging(context, arena);
      faults = new CudaFaults(context, memory, staging);
      errors = new CudaErrors(context, faults);
      modules =
          new CudaModules(context, new CudaCompiler(gpu.architecture(), Cache.folder("cuda")));
      launches = new CudaLaunches(this, context, modules, errors);
      products = new CudaProducts(this, context, new CudaScratch(memory, context, arena));
      if (Boolean.getBoolean("gatun.profile")) {
        context.profile().start(context.work());
      }
    } catch (RuntimeException e) {
      context.close();
      throw e;
    }
  }

  /**
   * As {@link Device#cuda(int)}.
   *
   * @param ordinal its number, from 0
   * @return a new device, to be closed
   */
  public static CudaDevice ready(int ordinal) {
    var device = open(ordinal, nobody -> {});
    try {
      device.modules.compileMissing();
      return device;
    } catch (RuntimeException e) {
      device.close();
      throw e;
    }
  }

  /** Opens a GPU, and compiles each kernel when it is launched. */
  static CudaDevice open(int ordinal) {
    return open(ordinal, nobody -> {});
  }

  /** The same; what the host downloads is shown, so that two runs can be compared. */
  static CudaDevice open(int ordinal, Consumer<MemorySegment> downloaded) {
    var gpu = CudaDriver.open(ordinal);
    var arena = Arena.ofShared();
    try {
      return new CudaDevice(gpu, downloaded, arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /**
   * Begins a launch of a kernel, with as many threads a block as its source bounds it to: its
   * arguments follow in order, then {@link CudaLaunch#enqueue} or {@link CudaLaunch#ask}.
   *
   * @param kernel which
   * @return takes the arguments
   * @throws DeviceException when the kernel cannot be loaded
   */
  public CudaLaunch launch(CudaKernel kernel) {
    return launches.begin(kernel);
  }

  /** Whether it takes kernels for Hopper, which no other GPU takes: compute capability 9.0. */
  public boolean isHopper() {
    return context.gpu().major() == 9 && context.gpu().minor() == 0;
  }

  /** From the beginning of the scratch, after all that was launched. */
  boolean downloadScratch(MemorySegment to, String what) {
    return errors.later(() -> staging.download(memory.scratch(to.byteSize()), to, what));
  }

  CudaErrors errors() {
    return errors;
  }

  /** Products, and the memory that they need. */
  public CudaProducts products() {
    return products;
  }

  @Override
  public Buffer allocate(String name, long bytes, Arena owner) {
    return guarded(() -> {
      context.profile().begin("allocation", context.work());
      var buffer = memory.allocate(name, bytes, owner);
      context.profile().end();
      return buffer;
    });
  }

  @Override
  public void upload(MemorySegment from, Buffer to, long toOffset) {
    guarded(() -> {
      long address = use(to).range(toOffset, from.byteSize());
      return errors.later(() -> staging.upload(from, address, "upload to " + to.name()));
    });
  }

  @Override
  public void download(Buffer from, long fromOffset, MemorySegment to) {
    guarded(() -> {
      long address = use(from).range(fromOffset, to.byteSize());
      faults.check();
      return errors.later(() -> staging.download(address, to, "download of " + from.name()));
    });
    downloaded.accept(to);
  }

  @Override
  public void copy(Buffer from, long fromOffset, Buffer to, long toOffset, long bytes) {
    guarded(() -> {
      long source = use(from).range(fromOffset, bytes);
      long target = use(to).range(toOffset, bytes);
      return errors.later(() ->
          context.measured(
              "copy",
              "copy of %s to %s".formatted(from.name(), to.name()),
              () -> Cuda.cuMemcpyDtoDAsync_v2(target, source, bytes, context.work())));
    });
  }

  @Override
  public void zero(Buffer buffer) {
    guarded(() -> {
      long address = use(buffer).pointer();
      long bytes = Math.max(1, buffer.bytes());
      return errors.later(() ->
          context.measured(
              "zero",
              "zeroing of " + buffer.name(),
              () -> Cuda.cuMemsetD8Async(address, (byte) 0, bytes, context.work())));
    });
  }

  @Override
  public void synchronize() {
    guarded(() -> {
      errors.synchronize();
      context.profile().waited(context.work());
      return this;
    });
  }

  /** As {@link Device#profile}. */
  public Profile profiled(Runnable work) {
    synchronize();
    guarded(() -> {
      context.profile().start(context.work());
      return this;
    });
    try {
      work.run();
      synchronize();
      return guarded(() -> context.profile().take());
    } finally {
      context.profile().stop();
    }
  }

  /** A buffer that is about to be used. */
  CudaBuffer use(Buffer buffer) {
    context.use(own(buffer));
    return own(buffer);
  }

  CudaBuffer own(Buffer buffer) {
    if (buffer instanceof CudaBuffer b && b.device() == this) {
      return b;
    }
    throw new IllegalArgumentException(
        "buffer %s belongs to another device".formatted(buffer.name()));
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
      context.enter();
      products.close();
      context.synchronize();
      context.profile().log(this);
      modules.close();
      staging.close();
      faults.close();
      memory.close();
      context.close();
    } finally {
      lock.unlock();
    }
    arena.close();
  }

  <T> T guarded(Supplier<T> work) {
    enter();
    try {
      return work.get();
    } finally {
      leave();
    }
  }

  /** Takes the lock, and makes the context that of this thread. {@link #leave} must follow. */
  void enter() {
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException(this + " is closed");
      }
      if (lock.getHoldCount() == 1) {
        context.enter();
      }
    } catch (RuntimeException e) {
      lock.unlock();
      throw e;
    }
  }

  void leave() {
    lock.unlock();
  }

  @Override
  public String toString() {
    return context.gpu().toString();
  }
}
