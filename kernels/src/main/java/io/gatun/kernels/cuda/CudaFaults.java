package io.gatun.kernels.cuda;

import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.DeviceException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What kernels find wrong with the numbers they are given, an id outside its table for example.
 * They cannot throw: they add to a counter, which the host looks at when it next waits for them.
 * Under the device's lock.
 */
final class CudaFaults {
  private static final int SLOTS = 64;
  static final String NAME = "device.faults";
  static final long BYTES = 4L * SLOTS;

  private final CudaContext context;
  private final CudaMemory memory;
  private final CudaStaging staging;
  private final List<String> texts = new ArrayList<>(); // of the slots in use
  private long counters;
  private boolean watched;

  CudaFaults(CudaContext context, CudaMemory memory, CudaStaging staging) {
    this.context = context;
    this.memory = memory;
    this.staging = staging;
  }

  /**
   * The counter of a fault, for a kernel that is about to be launched.
   *
   * @param text what is wrong where the counter is not 0
   * @return its address
   */
  long counter(String text) {
    if (counters == 0) {
      counters = memory.keep(NAME, BYTES).pointer();
      reset();
    }
    if (!texts.contains(text)) {
      texts.add(text);
    }
    watched = true;
    return counters + 4L * Objects.checkIndex(texts.indexOf(text), SLOTS);
  }

  /** Kernels that were given counters before may run again. */
  void watch() {
    watched = counters != 0;
  }

  /**
   * Waits for the kernels that were given a counter, if there are any.
   *
   * @throws DeviceException when one of them found something wrong; it is told once
   */
  void check() {
    if (!watched) {
      return;
    }
    watched = false;
    var counts = new int[SLOTS];
    staging.download(counters, MemorySegment.ofArray(counts), "faults");
    for (int i = 0; i < texts.size(); i++) {
      if (counts[i] != 0) {
        reset();
        throw new DeviceException("%s (%s)".formatted(texts.get(i), context.gpu()));
      }
    }
  }

  private void reset() {
    context.check(Cuda.cuMemsetD8Async(counters, (byte) 0, BYTES, context.work()), "faults");
  }

  /** The context is idle. */
  void close() {
    if (counters != 0) {
      Cuda.cuMemFreeAsync(counters, context.work());
      context.synchronize();
    }
  }
}
