package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.runtime.adapter.LoraAdapter;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * How much a pass must hold at most.
 *
 * @param on the kind of device
 * @param config the model
 * @param dtype compute type
 * @param tokens most tokens at a time
 * @param labels most rows whose logits are wanted
 * @param ranks for each product, most rows of its stacked A; absent for none
 * @param dropout whether the inputs of A are dropped
 * @param residuals how many residuals are kept: layers + 1 to look at or go back through, 2 to go
 *     forward only
 * @param keptBlocks how many blocks, from the last, keep what backward needs; the others are
 *     computed again
 * @param backward whether there is a backward
 */
record PassShape(
    Device.Kind on,
    BaseConfig config,
    DType dtype,
    int tokens,
    int labels,
    Map<Projection, Integer> ranks,
    boolean dropout,
    int residuals,
    int keptBlocks,
    boolean backward) {

  PassShape {
    if (tokens <= 0) {
      throw new IllegalArgumentException("a pass needs room for at least one token, not " + tokens);
    }
    if (keptBlocks < 0 || keptBlocks > config.layers()) {
      throw new IllegalArgumentException(
          "%d blocks cannot be kept of %d".formatted(keptBlocks, config.layers()));
    }
    ranks = new EnumMap<>(ranks);
  }

  /** For each product the most rows of its stacked A in any block of any adapter. */
  static Map<Projection, Integer> ranks(List<LoraAdapter> adapters) {
    var ranks = new EnumMap<Projection, Integer>(Projection.class);
    for (var adapter : adapters) {
      for (var projection : Projection.values()) {
        ranks.merge(projection, adapter.maxRank(projection), Math::max);
      }
    }
    ranks.values().removeIf(rank -> rank == 0);
    return ranks;
  }

  /** Columns to keep free beside what these products read: a GPU finds x and t in one there. */
  int room(Projection... products) {
    return switch (on) {
      case CPU -> 0;
      case CUDA -> Arrays.stream(products).mapToInt(p -> ranks.getOrDefault(p, 0)).max().orElse(0);
    };
  }

  /** The same beside the gradient of what they give, for u; dropout keeps dy and u apart. */
  int gradientRoom(Projection... products) {
    return backward && !dropout ? room(products) : 0;
  }

  int maxRank() {
    return ranks.values().stream().mapToInt(Integer::intValue).max().orElse(0);
  }

  /** The first block that keeps what backward needs. */
  int firstKept() {
    return config.layers() - keptBlocks;
  }
}
