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
        long room = (memory.capacity() - memory.allocated()) / 2;
        int kept = layers;
        while (kept > 0 && bytes.applyAsLong(kept) > room) {
          kept--;
        }
        yield kept;
      }
    };
  }
}
