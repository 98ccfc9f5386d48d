package io.gatun.kernels;

import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGraph;
import java.lang.foreign.Arena;

/**
 * Work that is asked for again and again, on other numbers in the same memory. A GPU records the
 * operations and then repeats them by one call, which costs the host some microseconds however many
 * they are; while a GPU is being profiled, or with {@code -Dgatun.syncEveryLaunch=true}, it is
 * asked for each of them. The CPU does the work each time. The results are the same to the bit.
 */
public final class Replay {
  private final Target target;

  /** Who works. */
  private sealed interface Target {
    record Straight() implements Target {}

    record Recorded(CudaGraph graph) implements Target {}
  }

  private Replay(Target target) {
    this.target = target;
  }

  /**
   * Nothing recorded yet.
   *
   * @param device where the work runs
   * @param name what it is, for messages and tables of memory
   * @param arena ends the recording
   * @return a new one, not for several threads
   */
  public static Replay on(Device device, String name, Arena arena) {
    return new Replay(
        switch (device) {
          case CpuDevice _ -> new Target.Straight();
          case CudaDevice cuda -> new Target.Recorded(new CudaGraph(cuda, name, arena));
        });
  }

  /**
   * Runs work.
   *
   * @param again whether it consists of the same operations, on the same addresses and with the
   *     same numbers as arguments, as the work of the last call, which returned
   * @param work operations; where it runs again, without allocations, waits, and copies from or to
   *     the host
   */
  public void run(boolean again, Runnable work) {
    if (again && target instanceof Target.Recorded(var graph) && !graph.isWatched()) {
      if (!graph.isRecorded()) {
        graph.record(work);
      }
      graph.launch();
    } else {
      stop();
      work.run();
    }
  }

  private void stop() {
    if (target instanceof Target.Recorded(var graph)) {
      graph.forget();
    }
  }
}
