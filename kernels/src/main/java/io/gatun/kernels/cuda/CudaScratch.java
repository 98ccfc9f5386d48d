package io.gatun.kernels.cuda;

import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.Buffer;
import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
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
  private final MemorySegment[] ended = new MemorySegment[2]; // the use before the last, the last
  private final int[] recorded = {-1, -1}; // when those events were, in recordings of the context
  private int turn; // of the next use: its event, and its place if it has none of its own
  private Optional<Buffer> last = Optional.empty(); // that was used

  CudaScratch(CudaMemory memory, CudaContext context, Arena arena) {
    this.memory = memory;
    this.context = context;
    ended[0] = context.event(arena);
    ended[1] = context.event(arena);
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
    var purpose = turn == 0 ? Scratch.WEIGHT : Scratch.NEXT_WEIGHT;
    var before = buffers.get(purpose);
    var buffer = take(purpose, purpose.bytes(dtype, rows, cols));
    var weight = new Matrix(buffer, 0, dtype, rows, cols, purpose.stride(cols));
    use(weight, buffer == before, prepare, use); // otherwise it was allocated by the working stream
  }

  /**
   * A weight that stays.
   *
   * @param weight where
   * @param prepare writes a part of it, with launches alone, as for one that does not stay
   * @param use reads it, after it was prepared
   */
  void withKept(Matrix weight, Consumer<Matrix> prepare, Consumer<Matrix> use) {
    use(weight, last.filter(weight.buffer()::equals).isEmpty(), prepare, use);
  }

  /** With whether the use before the last one is the latest that can have read the weight. */
  private void use(Matrix weight, boolean settled, Consumer<Matrix> prepare, Consumer<Matrix> use) {
    int now = turn;
    turn ^= 1;
    if (settled && recorded[now] == context.recordings()) {
      wait(context.ahead(), ended[now]);
    } else {
      context.aheadAfterWork(); // as after a graph, which may use the memory
    }
    context.ahead(() -> prepare.accept(weight));
    last = Optional.of(weight.buffer());
    try {
      use.accept(weight);
    } finally {
      context.check(Cuda.cuEventRecord(ended[now], context.work()), "streams cannot be ordered");
      recorded[now] = context.recordings();
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
    Cuda.cuEventDestroy_v2(ended[0]);
    Cuda.cuEventDestroy_v2(ended[1]);
  }
}
