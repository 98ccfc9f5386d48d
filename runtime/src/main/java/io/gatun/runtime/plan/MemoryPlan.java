package io.gatun.runtime.plan;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.TrainingScratch;
import io.gatun.kernels.ops.TrainingScratch.FrozenWeight;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.WeightLoader;
import io.gatun.runtime.adapter.AdapterSize;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.model.DecodedBlocks;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.model.Projection;
import io.gatun.runtime.model.TrainPass;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Device memory of a run.
 *
 * @param byName bytes by the name that the buffers have
 */
public record MemoryPlan(SortedMap<String, Long> byName) {

  /** Copies the map. */
  public MemoryPlan {
    byName = Collections.unmodifiableSortedMap(new TreeMap<>(byName));
  }

  /**
   * The memory of training an adapter: frozen weights, parameters with gradients and both moments
   * of AdamW, activations, and what the device keeps for itself. Pinned memory of the host is no
   * part of it, nor is what a driver takes for its context.
   *
   * @param on the kind of device
   * @param config the base
   * @param format how its linear layers are kept; not as stored
   * @param compute type of activations, embedding and head
   * @param lora the adapter
   * @param tokens most tokens of a micro-batch
   * @param keptBlocks how many blocks keep what backward needs
   * @param decodedBlocks how many blocks have their 4-bit weights decoded once
   * @return the plan
   */
  public static MemoryPlan training(
      Device.Kind on,
      DecoderConfig config,
      WeightFormat format,
      DType compute,
      LoraConfig lora,
      int tokens,
      int keptBlocks,
      int decodedBlocks) {
    var sizes = new TreeMap<String, Long>();
    addWeights(sizes, config, format, compute);
    var size = AdapterSize.of(lora, config);
    long adapter = Matrix.bytes(DType.F32, 1, size.floats());
    sizes.put("adapter.parameters", adapter);
    sizes.put("adapter.gradients", adapter);
    sizes.put("optimizer.first-moment", adapter);
    sizes.put("optimizer.second-moment", adapter);
    var pass = TrainPass.memory(on, config, compute, lora, tokens, keptBlocks);
    sizes.put("run.activations", pass.bytes());
    sizes.putAll(DecodedBlocks.memory(decodedBlocks, config, compute, size.ranks()));
    var weights = frozen(config, format, size.ranks(), decodedBlocks == config.layers());
    sizes.putAll(TrainingScratch.of(on, compute, tokens, weights));
    return new MemoryPlan(sizes);
  }

  /** The products of a block. Embedding and head are of the compute type, as they are used. */
  private static List<FrozenWeight> frozen(
      DecoderConfig config, WeightFormat format, Map<Projection, Integer> ranks, boolean kept) {
    Optional<DType> stored =
        format instanceof WeightFormat.Dense(var dtype) ? Optional.of(dtype) : Optional.empty();
    return Arrays.stream(Projection.values())
        .map(p ->
            new FrozenWeight(
                config.outputCols(p),
                config.inputs(p),
                stored,
                ranks.getOrDefault(p, 0),
                config.hasBias(p),
                kept))
        .toList();
  }

  private static void addWeights(
      TreeMap<String, Long> sizes, DecoderConfig config, WeightFormat format, DType compute) {
    for (var projection : Projection.values()) {
      var rows = config.outputs(projection);
      WeightLoader.memory(rows, config.inputs(projection), format)
          .forEach((name, bytes) -> sizes.merge(name, bytes * config.layers(), Long::sum));
      if (config.hasBias(projection)) {
        long bytes = Matrix.bytes(DType.F32, config.layers(), config.outputCols(projection));
        sizes.merge("base.biases", bytes, Long::sum);
      }
    }
    int tables = config.tiedHead() ? 1 : 2;
    WeightLoader.memory(
            Collections.nCopies(tables, config.vocabulary()),
            config.hidden(),
            new WeightFormat.Dense(compute))
        .forEach((name, bytes) -> sizes.merge(name, bytes, Long::sum));
    long norms =
        config.tensors().entrySet().stream()
            .filter(tensor -> tensor.getKey().endsWith("norm.weight"))
            .mapToLong(tensor -> tensor.getValue().getFirst())
            .sum();
    sizes.put("base.norms", norms * Float.BYTES);
  }

  /**
   * All of it.
   *
   * @return bytes
   */
  public long bytes() {
    return byName.values().stream().mapToLong(Long::longValue).sum();
  }
}
