package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.IntSupplier;

/**
 * A GPU's primary context with three streams: one for kernels and memory, one for copies between
 * host and device, and one that works ahead: it prepares what the first will need, from memory that
 * is rarely written. All methods are called under the device's lock.
 */
final class CudaContext {
  private static final long KEEP_ALL = -1;
  private static final int FIRST_TO_OVERLAP = 9; // compute capability
  private static final int LOWEST_PRIORITY = 0;

  private final CudaDriver.Gpu gpu;
  private final MemorySegment found = Arena.ofAuto().allocate(ADDRESS); // a thread's context
  private final MemorySegment handle;
  private final MemorySegment work;
  private final MemorySegment copies;
  private final MemorySegment ahead;
  private final MemorySegment turn;
  private final CudaProfile profile;
  private final CudaGraphs graphs = new CudaGraphs();
  private boolean workingAhead;
  private long writes; // how often the working stream may have written so far
  private long writesBeforeLaunch; // the last one
  private long writesSeen; // by what comes next on the stream that works ahead
  private int recordings; // and launches of them: events from before one are of no use after it

  /** Opens a context; the arena holds what its calls write into. */
  CudaContext(CudaDriver.Gpu gpu, Arena arena) {
    this.gpu = gpu;
    profile = new CudaProfile(arena);
    var out = arena.allocate(ADDRESS);
    check(Cuda.cuDevicePrimaryCtxRetain(out, gpu.ordinal()), "no context");
    handle = out.get(ADDRESS, 0);
    try {
      enter();
      keepFreedMemory(arena);
      int highest = highestPriority(arena);
      work = stream(out, LOWEST_PRIORITY);
      copies = stream(out, LOWEST_PRIORITY);
      ahead = stream(out, highest);
      turn = event(arena);
    } catch (DeviceException e) {
      Cuda.cuDevicePrimaryCtxRelease_v2(gpu.ordinal());
      throw e;
    }
  }

  private MemorySegment stream(MemorySegment out, int priority) {
    int kind = Cuda.CU_STREAM_NON_BLOCKING();
    check(Cuda.cuStreamCreateWithPriority(out, kind, priority), "no stream");
    return out.get(ADDRESS, 0);
  }

  /**
   * The priority of what works ahead. A product fills the GPU with blocks for its whole duration:
   * the next weight would be decoded after it, not beside it, if it had to queue behind them.
   */
  private int highestPriority(Arena arena) {
    var range = arena.allocate(JAVA_INT, 2);
    int code = Cuda.cuCtxGetStreamPriorityRange(range, range.asSlice(JAVA_INT.byteSize()));
    check(code, "no priorities of streams");
    return range.getAtIndex(JAVA_INT, 1);
  }

  /**
   * Freed memory stays with the pool, where the next allocation finds it, instead of going back.
   * What an earlier device of this process left there goes back first.
   */
  private void keepFreedMemory(Arena arena) {
    var pool = arena.allocate(ADDRESS);
    check(Cuda.cuDeviceGetDefaultMemPool(pool, gpu.ordinal()), "no memory pool");
    var threshold = arena.allocateFrom(JAVA_LONG, KEEP_ALL);
    int attribute = Cuda.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD();
    var handle = pool.get(ADDRESS, 0);
    check(Cuda.cuMemPoolTrimTo(handle, 0), "no memory pool");
    check(Cuda.cuMemPoolSetAttribute(handle, attribute, threshold), "no memory pool");
  }

  MemorySegment event(Arena arena) {
    var out = arena.allocate(ADDRESS);
    check(Cuda.cuEventCreate(out, Cuda.CU_EVENT_DISABLE_TIMING()), "no event");
    return out.get(ADDRESS, 0);
  }

  /**
   * Makes this the context of the calling thread. The driver keeps one for each thread, and the
   * application may change it by CUDA calls of its own between two of ours, so it is asked each
   * time; asking is the cheaper call.
   */
  void enter() {
    int code = Cuda.cuCtxGetCurrent(found);
    if (code != 0 || found.get(JAVA_LONG, 0) != handle.address()) {
      check(Cuda.cuCtxSetCurrent(handle), "the context cannot be entered");
    }
  }

  CudaProfile profile() {
    return profile;
  }

  CudaGraphs graphs() {
    return graphs;
  }

  CudaDriver.Gpu gpu() {
    return gpu;
  }

  MemorySegment work() {
    return work;
  }

  MemorySegment copies() {
    return copies;
  }

  /** Where launches go: the working stream, unless work ahead is being asked for. */
  MemorySegment current() {
    return workingAhead ? ahead : work;
  }

  /** The stream that works ahead. */
  MemorySegment ahead() {
    return ahead;
  }

  /** Launches of the task go to the stream that works ahead; later work waits for them. */
  void ahead(Runnable task) {
    workingAhead = true;
    try {
      task.run();
    } finally {
      workingAhead = false;
      order(ahead, work);
    }
  }

  /** Called before the buffers of a launch. */
  void beginLaunch() {
    writesBeforeLaunch = writes;
  }

  /** Whether a launch of its kind may begin before the one before it has ended. */
  boolean overlaps() {
    return gpu.major() >= FIRST_TO_OVERLAP && !workingAhead;
  }

  /** Whether neither the last launch nor what came after it used a buffer. */
  boolean rests(CudaBuffer buffer) {
    return buffer.written() <= writesBeforeLaunch;
  }

  /**
   * Called for each buffer of an operation before it is enqueued. The working stream counts it as
   * written. What works ahead reads it only after the last operation that may have written it.
   */
  void use(CudaBuffer buffer) {
    graphs.uses(buffer);
    if (!workingAhead) {
      buffer.written(++writes);
    } else if (buffer.written() > writesSeen) {
      aheadAfterWork();
    }
  }

  /** What is asked of the stream that works ahead from now on waits for all work so far. */
  void aheadAfterWork() {
    order(work, ahead);
    writesSeen = writes;
  }

  /** Work goes into a recording from now on, work ahead too. */
  void beginRecording() {
    int mode = Cuda.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL();
    check(Cuda.cuStreamBeginCapture_v2(work, mode), "no recording");
    aheadAfterGraph();
    aheadAfterWork();
  }

  /** Ends the recording also when something in it failed, and gives the driver's status. */
  int endRecording(MemorySegment out) {
    aheadAfterGraph();
    Cuda.cuEventRecord(turn, ahead);
    Cuda.cuStreamWaitEvent(work, turn, 0);
    return Cuda.cuStreamEndCapture(work, out);
  }

  /** What works ahead next waits for all that was asked for, whatever that writes and reads. */
  void aheadAfterGraph() {
    recordings++;
    writesSeen = -1;
  }

  /** Changes when events that were recorded before are of no use any more. */
  int recordings() {
    return recordings;
  }

  /** What is asked of the copying stream from now on waits for all that was asked of the other. */
  void copiesAfterWork() {
    order(work, copies);
  }

  /** What is asked of the working stream from now on waits for all that was asked of the other. */
  void workAfterCopies() {
    order(copies, work);
  }

  private void order(MemorySegment first, MemorySegment second) {
    check(Cuda.cuEventRecord(turn, first), "streams cannot be ordered");
    check(Cuda.cuStreamWaitEvent(second, turn, 0), "streams cannot be ordered");
  }

  /**
   * A call that enqueues an operation on the working stream.
   *
   * @param operation its name in a profile
   * @param what is said when it fails
   * @param call gives the driver's status
   */
  void measured(String operation, String what, IntSupplier call) {
    profile.begin(operation, work);
    check(call.getAsInt(), what);
    profile.end();
    graphs.asked(operation);
  }

  /** Waits for all streams. */
  int synchronize() {
    int code = Cuda.cuStreamSynchronize(copies);
    code = code != 0 ? code : Cuda.cuStreamSynchronize(work);
    return code != 0 ? code : Cuda.cuStreamSynchronize(ahead);
  }

  void check(int code, String what) {
    if (code != 0) {
      throw new DeviceException("%s: %s: %s".formatted(gpu, what, CudaStatus.text(code)));
    }
  }

  /** Gives everything back, also after a kernel that broke the context. */
  void close() {
    profile.close();
    Cuda.cuEventDestroy_v2(turn);
    Cuda.cuStreamDestroy_v2(ahead);
    Cuda.cuStreamDestroy_v2(copies);
    Cuda.cuStreamDestroy_v2(work);
    check(Cuda.cuDevicePrimaryCtxRelease_v2(gpu.ordinal()), "the context cannot be closed");
  }
}
