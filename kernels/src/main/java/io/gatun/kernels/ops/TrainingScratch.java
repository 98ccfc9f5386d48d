package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.cuda.ScratchPlan;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;

/**
 * The memory that a device keeps for itself while adapters of frozen weights are trained on it,
 * told before. What an adapted weight is multiplied by must have its ranks beside it.
 */
public final class TrainingScratch {
  /**
   * A frozen weight.
   *
   * @param out its rows
   * @param in its columns
   * @param stored its type; none if it is in 4 bit
   * @param ranks of all adapters of its rows together; 0 without one
   * @param biased whether a bias is added to what it gives
   * @param kept whether its values are decoded once, with room for its ranks
   */
  public record FrozenWeight(
      int out, int in, Optional<DType> stored, int ranks, boolean biased, boolean kept) {}

  private TrainingScratch() {}

  /**
   * The memory.
   *
   * @param on the kind of device
   * @param compute type of the activations
   * @param tokens most rows of them
   * @param weights all that is multiplied by
   * @return bytes by the names in the device's table; the CPU keeps nothing
   */
  public static SortedMap<String, Long> of(
      Device.Kind on, DType compute, int tokens, List<FrozenWeight> weights) {
    return switch (on) {
      case CPU -> Collections.emptySortedMap();
      case CUDA -> {
        var plan = new ScratchPlan();
        for (FrozenWeight w : weights) {
          if (w.ranks() == 0) {
            CudaMatMul.plan(plan, compute, tokens, w);
          } else {
            CudaLoraMatMul.plan(plan, compute, tokens, w);
          }
        }
        yield plan.byName();
      }
    };
  }
}
