package io.gatun.runtime.adapter;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import io.gatun.kernels.ops.SquaredNorm;
import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.Projection;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A LoRA adapter: for some linear layers a pair A (rank, in), B (out, rank), so that the layer
 * computes W x + scale B A x. The base model is not changed; an adapter is an argument of a pass.
 * All parameters lie in one flat row of fp32.
 */
public final class LoraAdapter {
  private final LoraConfig config;
  private final BaseConfig base;
  private final List<AdaptedLayer> layers;
  private final FactorLayout layout;
  private final Matrix parameters;

  private LoraAdapter(LoraConfig config, BaseConfig base, Device device, Arena arena) {
    this.config = config;
    this.base = base;
    this.layers = ModuleSelection.select(config, base);
    this.layout = new FactorLayout(layers);
    this.parameters =
        Matrix.allocate(device, "adapter.parameters", DType.F32, 1, layout.floats(), arena);
  }

  /**
   * A new adapter.
   *
   * @param decoder the base
   * @param config which layers, which rank
   * @param seed of the random parameters
   * @param arena owns the parameters
   * @return an adapter that does not change the model, unless the config says so
   */
  public static LoraAdapter create(Decoder decoder, LoraConfig config, long seed, Arena arena) {
    var adapter = new LoraAdapter(config, decoder.config(), decoder.device(), arena);
    Initialization.fill(adapter, seed);
    return adapter;
  }

  /**
   * Reads a PEFT adapter folder.
   *
   * @param folder with adapter_config.json and adapter_model.safetensors
   * @param decoder the base it was made for
   * @param arena owns the parameters
   * @return the adapter
   */
  public static LoraAdapter load(Path folder, Decoder decoder, Arena arena) {
    return load(folder, decoder.config(), decoder.device(), arena);
  }

  /**
   * Reads a PEFT adapter folder for a base that is not loaded.
   *
   * @param folder with adapter_config.json and adapter_model.safetensors
   * @param base the shape of the base it was made for
   * @param device where
   * @param arena owns the parameters
   * @return the adapter
   */
  public static LoraAdapter load(Path folder, BaseConfig base, Device device, Arena arena) {
    var adapter = new LoraAdapter(AdapterConfigFile.read(folder, base), base, device, arena);
    AdapterFile.read(folder, adapter);
    return adapter;
  }

  /**
   * Writes a PEFT adapter folder, replacing the files of an older one. Each file appears whole or
   * not at all.
   *
   * @param folder created if absent
   */
  public void save(Path folder) {
    AdapterFile.write(folder, this);
  }

  /**
   * What the adapter is.
   *
   * @return its configuration
   */
  public LoraConfig config() {
    return config;
  }

  /**
   * What it is for.
   *
   * @return the shape of the base
   */
  public BaseConfig base() {
    return base;
  }

  /**
   * The adapted layers.
   *
   * @return at least one, in the order of the model
   */
  public List<AdaptedLayer> layers() {
    return layers;
  }

  /**
   * All parameters.
   *
   * @return (1, floats) F32; gaps between matrices are zero
   */
  public Matrix parameters() {
    return parameters;
  }

  /**
   * Trainable numbers, as PEFT counts them.
   *
   * @return sum of the sizes of all A and B
   */
  public long parameterCount() {
    return layers.stream().mapToLong(AdaptedLayer::parameters).sum();
  }

  /**
   * A of one layer.
   *
   * @param layer an adapted layer of this adapter
   * @return (rank, in) F32
   */
  public Matrix a(AdaptedLayer layer) {
    return a(layer, parameters);
  }

  /**
   * B of one layer.
   *
   * @param layer an adapted layer of this adapter
   * @return (out, rank) F32
   */
  public Matrix b(AdaptedLayer layer) {
    return b(layer, parameters);
  }

  Matrix a(AdaptedLayer layer, Matrix flat) {
    var group = group(layer);
    return group.a(flat, member(group, layer));
  }

  Matrix b(AdaptedLayer layer, Matrix flat) {
    var group = group(layer);
    return group.b(flat, member(group, layer));
  }

  private FactorLayout.Group group(AdaptedLayer layer) {
    return layout.group(layer.linear().layer(), layer.linear().projection()).orElseThrow();
  }

  private static FactorLayout.Member member(FactorLayout.Group group, AdaptedLayer layer) {
    return group.members().stream().filter(m -> m.layer().equals(layer)).findFirst().orElseThrow();
  }

  FactorLayout layout() {
    return layout;
  }

  /**
   * The factors of one product, as the ops take them.
   *
   * @param layer the block
   * @param projection the product
   * @return views of the parameters; empty if no sibling is adapted
   */
  public Optional<LoraFactors> factors(int layer, Projection projection) {
    return layout.group(layer, projection).map(this::factors);
  }

  private LoraFactors factors(FactorLayout.Group group) {
    var siblings =
        group.members().stream()
            .map(m ->
                new Sibling(
                    m.layer().linear().firstRow(),
                    m.firstRank(),
                    group.b(parameters, m),
                    m.layer().scale()))
            .toList();
    return new LoraFactors(group.stackedA(parameters), siblings);
  }

  /**
   * Rows of the stacked A, the largest over all blocks.
   *
   * @param projection the product
   * @return 0 if it is adapted nowhere
   */
  public int maxRank(Projection projection) {
    return layers.stream()
        .map(AdaptedLayer::linear)
        .filter(linear -> linear.projection() == projection)
        .mapToInt(linear -> layout.group(linear.layer(), projection).orElseThrow().rank())
        .max()
        .orElse(0);
  }

  /**
   * Whether the adapter leaves the model as it is, because every B is zero.
   *
   * @return true if it has no effect
   */
  public boolean hasNoEffect() {
    return layers.stream().allMatch(layer -> allZero(HostCopy.readFloats(b(layer))));
  }

  private static boolean allZero(float[] values) {
    for (float v : values) {
      if (v != 0) {
        return false;
      }
    }
    return true;
  }

  /** Refuses values that no weight survives. */
  public void refuseNonFinite() {
    if (!Double.isFinite(SquaredNorm.run(parameters))) {
      throw new IllegalArgumentException(
          "the adapter holds values that are not finite and cannot be merged");
    }
  }
}
