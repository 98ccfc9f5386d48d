package io.gatun.bench.check;

import com.sun.management.ThreadMXBean;
import io.gatun.bench.shape.StepTimes;
import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Add;
import java.lang.management.ManagementFactory;
import java.util.List;

/** What a call costs the thread that makes it: target 10. */
final class LaunchCheck {
  private static final int CALLS = 500; // fewer than a stream queues before it makes callers wait
  private static final int ROUNDS = 40;

  /** Kept: asking for it takes some 800 bytes of heap. */
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private LaunchCheck() {}

  static List<Figure> run(Bench bench) {
    Matrix x = bench.empty(DType.F32, 1, 64);
    Matrix y = bench.empty(DType.F32, 1, 64);
    double[] nanos = new double[ROUNDS];
    long allocated = 0;
    for (int round = 0; round < ROUNDS; round++) {
      bench.device().synchronize();
      long bytes = THREADS.getCurrentThreadAllocatedBytes();
      long begin = System.nanoTime();
      for (int call = 0; call < CALLS; call++) {
        Add.run(x, y);
      }
      nanos[round] = (System.nanoTime() - begin) / (double) CALLS;
      allocated = THREADS.getCurrentThreadAllocatedBytes() - bytes;
    }
    return List.of(
        Figure.plain(
            10,
            "host time of a launch",
            Figure.number(StepTimes.median(nanos)) + " ns",
            "Java, bindings and the driver together; the driver's part is the larger"),
        Figure.of(
            10,
            "Java heap that a launch takes",
            Figure.number(allocated / (double) CALLS) + " bytes",
            allocated / (double) CALLS,
            Bar.atMost(0),
            "of the last of %d rounds of %d launches".formatted(ROUNDS, CALLS)));
  }
}
