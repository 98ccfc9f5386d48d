package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Weight;
import io.gatun.quant.RandomWeights;
import io.gatun.quant.WeightFormat;
import io.gatun.runtime.adapter.LoraLinear;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The parts of a decoder at random: products and tables; norms that scale by 1, biases of 0. */
final class RandomLayers implements LayerSource {
  private final DecoderConfig config;
  private final Map<String, List<Long>> shapes;
  private final DType compute;
  private final Device device;
  private final Arena arena;
  private final RandomWeights weights;

  RandomLayers(DecoderConfig config, DType compute, long seed, Device device, Arena arena) {
    this.config = config;
    this.shapes = config.tensors();
    this.compute = compute;
    this.device = device;
    this.arena = arena;
    this.weights = new RandomWeights(device, seed, arena);
  }

  @Override
  public Matrix table(String module) {
    String name = WeightNames.weight(module);
    return weights.matrix(size(name, 0), size(name, 1), compute);
  }

  @Override
  public Weight weight(String module) {
    return table(module);
  }

  @Override
  public LoraLinear product(int layer, Projection projection, WeightFormat format) {
    var rows = config.outputs(projection);
    var weight = weights.weight(rows, config.inputs(projection), format);
    return new LoraLinear(
        weight,
        config.hasBias(projection)
            ? Optional.of(row("base.biases", config.outputCols(projection)))
            : Optional.empty());
  }

  @Override
  public Matrix vector(String name) {
    var gamma = row("base.norms", size(name, 0));
    float[] values = new float[gamma.cols()];
    Arrays.fill(values, 1 - config.normOffset());
    HostCopy.write(gamma, values);
    return gamma;
  }

  private Matrix row(String name, int length) {
    return Matrix.allocate(device, name, DType.F32, 1, length, arena);
  }

  private int size(String tensor, int dimension) {
    var shape = Optional.ofNullable(shapes.get(tensor)).orElseThrow();
    return Math.toIntExact(shape.get(dimension));
  }
}
