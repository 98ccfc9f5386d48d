package io.gatun.runtime.train;

import io.gatun.kernels.Device;
import java.util.function.IntToLongFunction;

/** How many blocks keep what the way back needs, the others being computed again. */
final class KeptBlocks {
  private KeptBlocks() {}

  /**
   * The number for a run.
   *
   * @param recompute what the plan says
   * @param layers blocks of the model
   * @param device whose memory is looked at
   * @param bytes memory of a pass that keeps so many blocks
   * @return all of them where nothing speaks against it
   */
  static int count(
      TrainingPlan.Recompute recompute, int layers, Device device, IntToLongFunction bytes) {
    return switch (recompute) {
      case ON -> 0;
      case OFF -> layers;
      case AUTO -> {
        var memory = device.memory();
        long room = (long) ((memory.capacity() - memory.allocated()) * usable(device));
        int kept = layers;
        while (kept > 0 && bytes.applyAsLong(kept) > room) {
          kept--;
        }
        yield kept;
      }
    };
  }

  /**
   * Of a machine's memory other programs need a part; of what is free on a GPU, moments of the
   * optimizer and decoded weights, which are allocated later.
   */
  private static double usable(Device device) {
    return switch (device.kind()) {
      case CPU -> 0.5;
      case CUDA -> 0.75;
    };
  }
}
