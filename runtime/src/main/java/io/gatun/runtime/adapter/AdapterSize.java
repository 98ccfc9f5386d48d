package io.gatun.runtime.adapter;

import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.HeadLayer;
import io.gatun.runtime.model.Projection;
import java.util.EnumMap;
import java.util.Map;

/**
 * How large an adapter is, told before there is one.
 *
 * @param parameters trainable numbers, as PEFT counts them
 * @param floats of its flat row of parameters, gaps included; gradients and moments have as many
 * @param ranks for each adapted product, rows of its stacked A, the largest over all blocks
 */
public record AdapterSize(long parameters, int floats, Map<Projection, Integer> ranks) {

  /** Copies the ranks. */
  public AdapterSize {
    ranks = Map.copyOf(ranks);
  }

  /**
   * The size of an adapter.
   *
   * @param config which layers, which rank
   * @param base the shape of the base
   * @return its size
   */
  public static AdapterSize of(LoraConfig config, BaseConfig base) {
    var layers = ModuleSelection.select(config, base);
    var whole = TrainedModules.select(config, base);
    var layout = new FactorLayout(layers, whole);
    var ranks = new EnumMap<Projection, Integer>(Projection.class);
    for (var projection : Projection.values()) {
      int rank = layout.maxRank(projection);
      if (rank > 0) {
        ranks.put(projection, rank);
      }
    }
    long parameters =
        layers.stream().mapToLong(AdaptedLayer::parameters).sum()
            + whole.stream().mapToLong(HeadLayer::parameters).sum();
    return new AdapterSize(parameters, layout.floats(), ranks);
  }
}
