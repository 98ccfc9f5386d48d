package io.gatun.runtime.adapter;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import io.gatun.kernels.ops.SquaredNorm;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.HeadLayer;
import io.gatun.runtime.model.Projection;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A LoRA adapter: for some linear layers a pair A (rank, in), B (out, rank), so that the layer
 * computes W x + scale B A x. The adapter of a classifier also holds its head, whole. The base
 * model is not changed; an adapter is an argument of a pass. All parameters lie in one flat row of
 * fp32.
 */
public final class LoraAdapter {
  private final LoraConfig config;
  private final BaseConfig base;
  private final List<AdaptedLayer> layers;
  private final List<HeadLayer> trained;
  private final FactorLayout layout;
  private final Matrix parameters;

  private LoraAdapter(LoraConfig config, BaseConfig base, Device device, Arena arena) {
    this.config = config;
    this.base = base;
    this.layers = ModuleSelection.select(config, base);
    this.trained = TrainedModules.select(config, base);
    this.layout = new FactorLayout(layers, trained);
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
   * A new adapter of a classifier. It holds the head too: as the base has it, and where the base
   * has none, weights at random with the base's deviation and biases of zero.
   *
   * @param classifier the base
   * @param config which layers, which rank
   * @param seed of the random parameters
   * @param arena owns the parameters
   * @return the adapter
   */
  public static LoraAdapter create(
      Classifier classifier, LoraConfig config, long seed, Arena arena) {
    var base = classifier.config();
    var whole = config.withModulesToSave(TrainedModules.names(config, base));
    var adapter = new LoraAdapter(whole, base, classifier.device(), arena);
    Initialization.fill(adapter, seed);
    Initialization.fillHead(adapter, classifier, seed);
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
   * Reads a PEFT adapter folder of a classifier.
   *
   * @param folder as of a decoder; if it names its labels, they must be those of the classifier
   * @param classifier the base it was made for
   * @param arena owns the parameters
   * @return the adapter
   */
  public static LoraAdapter load(Path folder, Classifier classifier, Arena arena) {
    return load(folder, classifier.config(), classifier.device(), arena);
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
    var config = AdapterConfigFile.read(folder, base);
    try {
      var adapter = new LoraAdapter(config, base, device, arena);
      AdapterFile.read(folder, adapter);
      return adapter;
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(folder, String.valueOf(e.getMessage()));
    }
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
   * @return sum of the sizes of all A and B, and of the layers that are trained whole
   */
  public long parameterCount() {
    return layers.stream().mapToLong(AdaptedLayer::parameters).sum()
        + trained.stream().mapToLong(HeadLayer::parameters).sum();
  }

  /**
   * The layers that the adapter holds whole, in place of the base's.
   *
   * @return first to last; empty unless the base is a classifier
   */
  public List<HeadLayer> trained() {
    return trained;
  }

  /**
   * A layer that the adapter holds whole.
   *
   * @param layer of the head
   * @return views of the parameters, (outputs, inputs) and (1, outputs) F32; empty if the base's
   *     layer stays as it is
   */
  public Optional<LoraLinear> trained(HeadLayer layer) {
    return layout.holds(layer)
        ? Optional.of(
            new LoraLinear(layout.weight(parameters, layer), layout.bias(parameters, layer)))
        : Optional.empty();
  }

  /**
   * A of one layer.
   *
   * @param layer an adapted layer of this adapter
   * @return (rank, in) F32
   */
  public Matrix a(AdaptedLayer layer) {
    return layout.a(parameters, layer);
  }

  /**
   * B of one layer.
   *
   * @param layer an adapted layer of this adapter
   * @return (out, rank) F32
   */
  public Matrix b(AdaptedLayer layer) {
    return layout.b(parameters, layer);
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
    return layout.maxRank(projection);
  }

  /**
   * Whether the adapter leaves the model as it is, because every B is zero and it holds no head.
   *
   * @return true if it has no effect
   */
  public boolean hasNoEffect() {
    return trained.isEmpty()
        && layers.stream().allMatch(layer -> allZero(HostCopy.readFloats(b(layer))));
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
