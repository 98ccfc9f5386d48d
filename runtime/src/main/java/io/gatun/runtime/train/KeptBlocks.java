package io.gatun.runtime.train;

import io.gatun.kernels.Device;
import io.gatun.runtime.train.TrainingPlan.Recompute;
import java.util.function.IntToLongFunction;

/**
 * What a run keeps of its blocks in memory that is left.
 *
 * @param activations how many blocks keep what the way back needs, the others being computed again
 * @param decoded how many blocks have their 4-bit weights decoded once, on a GPU
 */
record KeptBlocks(int activations, int decoded) {

  /**
   * The numbers for a run: as many as fit, activations first, since they cost more to make again.
   *
   * @param recompute what the plan says; only where it leaves the choice is anything decoded once
   * @param layers blocks of the model
   * @param device whose memory is looked at
   * @param pass memory of a pass that keeps the activations of so many blocks
   * @param decodedBlock memory of the decoded weights of one block; 0 where there are none
   * @return the numbers, the same bits whatever they are
   */
  static KeptBlocks of(
      Recompute recompute, int layers, Device device, IntToLongFunction pass, long decodedBlock) {
    return switch (recompute) {
      case ON -> new KeptBlocks(0, 0);
      case OFF -> new KeptBlocks(layers, 0);
      case AUTO -> {
        var memory = device.memory();
        long room = (long) ((memory.capacity() - memory.allocated()) * usable(device));
        int kept = layers;
        while (kept > 0 && pass.applyAsLong(kept) > room) {
          kept--;
        }
        long left = kept < layers ? 0 : room - pass.applyAsLong(kept);
        yield new KeptBlocks(
            kept, decodedBlock == 0 ? 0 : Math.clamp(left / decodedBlock, 0, layers));
      }
    };
  }

  /**
   * Of a machine's memory other programs need a part; of what is free on a GPU, moments of the
   * optimizer and weights that are decoded for each product, which are allocated later.
   */
  private static double usable(Device device) {
    return switch (device.kind()) {
      case CPU -> 0.5;
      case CUDA -> 0.75;
    };
  }
}
