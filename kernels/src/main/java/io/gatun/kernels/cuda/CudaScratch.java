package io.gatun.kernels.cuda;

import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The device's own memory for operands of products, which grows to the largest that was asked for.
 * Weights are prepared on a stream of their own in two places by turns, so that the next one is
 * decoded while a product reads the last one. Under the device's lock.
 */
final class CudaScratch {
  private final CudaMemory memory;
  private final CudaContext context;
  private final Map<Scratch, CudaBuffer> buffers = new EnumMap<>(Scratch.class);
  private final MemorySegment[] free = new MemorySegment[2]; // when the last use of a place ends
  private final int[] recorded = {-1, -1}; // when those events were, in recordings of the context
  private int turn;

  CudaScratch(CudaMemory memory, CudaContext context, Arena arena) {
    this.memory = memory;
    this.context = context;
    free[0] = context.event(arena);
    free[1] = context.event(arena);
  }

  /** Memory for a purpose, of undefined content; what it held for an earlier call is gone. */
  CudaBuffer take(Scratch purpose, long bytes) {
    var buffer = buffers.get(purpose);
    if (buffer != null && buffer.bytes() >= bytes) {
      return buffer;
    }
    if (buffer != null) {
      buffers.remove(purpose);
      memory.giveBack(buffer);
    }
    buffer = memory.keep(purpose.title(), bytes);
    buffers.put(purpose, buffer);
    return buffer;
  }

  /** Memory that every op may use on the working stream. */
  long workspace(long bytes) {
    return memory.scratch(bytes);
  }

  /**
   * A weight that lives as long as one use of it.
   *
   * @param dtype type it is used in
   * @param rows rows, of everything that is prepared
   * @param cols columns
   * @param prepare writes it, with launches alone, which run beside the use of the weight before
   * @param use reads it, after it was prepared
   */
  void withWeight(DType dtype, int rows, int cols, Consumer<Matrix> prepare, Consumer<Matrix> use) {
    int place = turn;
    turn ^= 1;
    var purpose = place == 0 ? Scratch.WEIGHT : Scratch.NEXT_WEIGHT;
    var before = buffers.get(purpose);
    var buffer = take(purpose, purpose.bytes(dtype, rows, cols));
    var weight = new Matrix(buffer, 0, dtype, rows, cols, purpose.stride(cols));
    if (buffer != before || recorded[place] != context.recordings()) {
      context.aheadAfterWork(); // which allocates, or was a graph that uses the place
    } else {
      wait(context.ahead(), free[place]);
    }
    context.ahead(() -> prepare.accept(weight));
    try {
      use.accept(weight);
    } finally {
      context.check(Cuda.cuEventRecord(free[place], context.work()), "streams cannot be ordered");
      recorded[place] = context.recordings();
    }
  }

  private void wait(MemorySegment stream, MemorySegment event) {
    context.check(Cuda.cuStreamWaitEvent(stream, event, 0), "streams cannot be ordered");
  }

  /** Before the context is waited for. */
  void giveBack() {
    buffers.values().forEach(memory::giveBack);
    buffers.clear();
  }

  /** The context is idle. */
  void close() {
    Cuda.cuEventDestroy_v2(free[0]);
    Cuda.cuEventDestroy_v2(free[1]);
  }
}
