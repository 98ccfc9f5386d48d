package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Weight;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.WeightLoader;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.runtime.adapter.LoraLinear;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;

/**
 * Brings parts of a checkpoint onto a device: all names and shapes are checked first, then each
 * tensor is loaded once.
 */
final class LayerLoader implements LayerSource, AutoCloseable {
  private final Checkpoint checkpoint;
  private final BaseConfig config;
  private final DType compute;
  private final Device device;
  private final Arena arena;
  private final WeightLoader loader;

  /**
   * A loader.
   *
   * @param checkpoint with the names of the model
   * @param config its shape
   * @param compute type of activations and tables
   * @param device where
   * @param arena owns what is loaded
   * @throws CheckpointException naming every tensor that is missing, extra or of another shape
   */
  LayerLoader(Checkpoint checkpoint, BaseConfig config, DType compute, Device device, Arena arena) {
    if (compute == DType.F16) {
      throw new IllegalArgumentException("the compute type is F32 or BF16, not F16");
    }
    var problems = TensorCheck.problems(checkpoint, config);
    if (!problems.isEmpty()) {
      throw new CheckpointException(checkpoint.path(), problems);
    }
    this.checkpoint = checkpoint;
    this.config = config;
    this.compute = compute;
    this.device = device;
    this.arena = arena;
    this.loader = new WeightLoader(checkpoint, device, arena);
  }

  @Override
  public Matrix table(String module) {
    return loader.matrix(WeightNames.weight(module), compute);
  }

  @Override
  public Weight weight(String module) {
    String name = WeightNames.weight(module);
    return checkpoint.fourBit(name).isPresent()
        ? loader.weight(List.of(name), WeightFormat.asStored())
        : loader.matrix(name, compute);
  }

  @Override
  public LoraLinear product(int layer, Projection projection, WeightFormat format) {
    var paths = config.paths(layer, projection);
    var weight = loader.weight(paths.stream().map(WeightNames::weight).toList(), format);
    return new LoraLinear(
        weight, config.hasBias(projection) ? Optional.of(biases(paths, weight)) : Optional.empty());
  }

  /** A layer of a classifier's head, in fp32 unless it is stored in 4 bit. */
  LoraLinear dense(HeadLayer layer) {
    String name = WeightNames.weight(layer.path());
    var weight =
        checkpoint.fourBit(name).isPresent()
            ? loader.weight(List.of(name), WeightFormat.asStored())
            : loader.matrix(name, DType.F32);
    return new LoraLinear(
        weight,
        layer.biased() ? Optional.of(biases(List.of(layer.path()), weight)) : Optional.empty());
  }

  /** Biases of siblings side by side. */
  private Matrix biases(List<String> paths, Weight weight) {
    Matrix bias = Matrix.allocate(device, "base.biases", DType.F32, 1, weight.rows(), arena);
    int first = 0;
    for (String path : paths) {
      float[] values = checkpoint.readFloats(WeightNames.bias(path));
      HostCopy.write(bias.colSlice(first, values.length), values);
      first += values.length;
    }
    return bias;
  }

  @Override
  public Matrix vector(String name) {
    float[] values = checkpoint.readFloats(name);
    Matrix vector = Matrix.allocate(device, "base.norms", DType.F32, 1, values.length, arena);
    HostCopy.write(vector, values);
    return vector;
  }

  @Override
  public void close() {
    loader.close();
  }
}
