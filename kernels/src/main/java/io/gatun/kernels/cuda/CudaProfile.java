package io.gatun.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.gatun.bindings.NativeLibrary;
import io.gatun.bindings.cuda.Cuda;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.Profile;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Measures operations by events before and after each on its stream, which the device records as it
 * comes to them. Their times are read when somebody has waited for the device, or now and then
 * between, and never waited for. Does nothing while it is off. Under the device's lock.
 */
final class CudaProfile {
  private static final int LOOK_EVERY = 1024; // operations

  private record Measured(String operation, MemorySegment begin, MemorySegment end) {}

  private record Span(double begin, double end) {}

  private static final class Sum {
    private long calls;
    private double millis;
  }

  private final MemorySegment out;
  private final MemorySegment elapsed;
  private final ArrayDeque<MemorySegment> free = new ArrayDeque<>();
  private final ArrayDeque<Measured> pending = new ArrayDeque<>();
  private final Map<String, Sum> sums = new HashMap<>();
  private final List<Span> spans = new ArrayList<>(); // since the reference
  private MemorySegment reference = MemorySegment.NULL; // what spans are counted from
  private boolean on;
  private long startNanos;
  private double busyMillis;
  private String operation = "";
  private MemorySegment stream = MemorySegment.NULL;
  private MemorySegment begin = MemorySegment.NULL;

  CudaProfile(Arena arena) {
    out = arena.allocate(ADDRESS);
    elapsed = arena.allocate(JAVA_FLOAT);
  }

  boolean on() {
    return on;
  }

  /**
   * Measures what is asked for from now on; the streams are idle.
   *
   * @param work the working stream
   */
  void start(MemorySegment work) {
    if (on) {
      throw new IllegalStateException("this device is being profiled already");
    }
    if (NativeLibrary.CUDA.lookup().find("cuEventElapsedTime_v2").isEmpty()) {
      throw new DeviceException(
          "a profile needs an NVIDIA driver for CUDA 12.8 or newer; update the driver");
    }
    on = true;
    sums.clear();
    busyMillis = 0;
    startNanos = System.nanoTime();
    newReference(work);
  }

  /** What was measured since the start; the streams are idle. */
  Profile take() {
    collect();
    sumUp();
    double millis = (System.nanoTime() - startNanos) / 1e6;
    var operations = new ArrayList<Profile.Operation>();
    sums.forEach((name, sum) -> operations.add(new Profile.Operation(name, sum.calls, sum.millis)));
    return new Profile(operations, busyMillis, millis);
  }

  /** Ends it and leaves it in the log, where somebody asked for one of all that a device does. */
  void log(CudaDevice device) {
    if (on) {
      var table = String.join("\n", take().table());
      System.getLogger("io.gatun.kernels").log(Level.INFO, device + "\n" + table);
    }
  }

  /** Ends it. */
  void stop() {
    on = false;
    pending.forEach(m -> {
      free.push(m.begin());
      free.push(m.end());
    });
    pending.clear();
    free.push(reference);
    reference = MemorySegment.NULL;
  }

  /** Before an operation is enqueued. */
  void begin(String operation, MemorySegment stream) {
    begin("", operation, stream);
  }

  /** The same; its name is of two parts. */
  void begin(String kind, String operation, MemorySegment stream) {
    if (on) {
      this.operation = kind + operation;
      this.stream = stream;
      if (!begin.equals(MemorySegment.NULL)) {
        free.push(begin); // of an operation that failed
      }
      begin = recorded(stream);
    }
  }

  /** After the operation that was begun last. */
  void end() {
    if (on) {
      pending.add(new Measured(operation, begin, recorded(stream)));
      begin = MemorySegment.NULL;
      if (pending.size() % LOOK_EVERY == 0) {
        collect();
      }
    }
  }

  /** After a wait: nothing is left of what was measured, and times are counted anew. */
  void waited(MemorySegment work) {
    if (on) {
      collect();
      if (pending.isEmpty()) {
        sumUp();
        newReference(work);
      }
    }
  }

  private void newReference(MemorySegment work) {
    if (!reference.equals(MemorySegment.NULL)) {
      free.push(reference);
    }
    reference = recorded(work);
  }

  private MemorySegment recorded(MemorySegment stream) {
    if (free.isEmpty()) {
      check(Cuda.cuEventCreate(out, Cuda.CU_EVENT_DEFAULT()));
      free.push(out.get(ADDRESS, 0));
    }
    var event = free.pop();
    check(Cuda.cuEventRecord(event, stream));
    return event;
  }

  /** Takes what is done, in the order it was asked for, up to the first that is not. */
  private void collect() {
    while (!pending.isEmpty()) {
      var next = pending.peek();
      int code = Cuda.cuEventElapsedTime_v2(elapsed, next.begin(), next.end());
      if (code == Cuda.CUDA_ERROR_NOT_READY()) {
        return;
      }
      check(code);
      double millis = elapsed.get(JAVA_FLOAT, 0);
      check(Cuda.cuEventElapsedTime_v2(elapsed, reference, next.begin()));
      double from = elapsed.get(JAVA_FLOAT, 0);
      spans.add(new Span(from, from + millis));
      var sum = sums.computeIfAbsent(next.operation(), _ -> new Sum());
      sum.calls++;
      sum.millis += millis;
      free.push(next.begin());
      free.push(next.end());
      pending.remove();
    }
  }

  /** How long at least one of the spans lasted. */
  private void sumUp() {
    spans.sort((a, b) -> Double.compare(a.begin(), b.begin()));
    double until = Double.NEGATIVE_INFINITY;
    for (var span : spans) {
      busyMillis += Math.max(0, span.end() - Math.max(until, span.begin()));
      until = Math.max(until, span.end());
    }
    spans.clear();
  }

  private static void check(int code) {
    CudaStatus.check(code, "a profile");
  }

  /** The context is idle. */
  void close() {
    if (on) {
      stop();
    }
    if (!begin.equals(MemorySegment.NULL)) {
      free.push(begin);
    }
    free.forEach(Cuda::cuEventDestroy_v2);
  }
}
