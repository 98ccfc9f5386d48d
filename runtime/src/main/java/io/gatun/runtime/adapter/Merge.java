package io.gatun.runtime.adapter;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.Cast;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.MatMul;
import io.gatun.kernels.ops.Nf4Dequantize;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.WeightLoader;
import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.Projection;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Adds adapters to weights: W + s B A, summed in fp32 and rounded once. Merging makes new weights;
 * nothing is undone.
 */
public final class Merge {
  private Merge() {}

  /**
   * A product with its adapters merged.
   *
   * @param base the frozen product
   * @param factors what to add
   * @param bands rows of each sibling, which become a band each where the format is 4-bit
   * @param format of the merged weight
   * @param arena owns the merged weight
   * @return the product; its bias is shared
   */
  public static LoraLinear product(
      LoraLinear base, LoraFactors factors, List<Integer> bands, WeightFormat format, Arena arena) {
    var device = factors.a().buffer().device();
    try (var scratch = Arena.ofConfined()) {
      var weight = base.weight();
      Matrix sum =
          Matrix.allocate(device, "merging", DType.F32, weight.rows(), weight.cols(), scratch);
      decode(weight, sum);
      for (var s : factors.siblings()) {
        Matrix a = factors.a().rowSlice(s.firstRank(), s.b().cols());
        add(s.b(), a, s.scale(), sum.rowSlice(s.firstRow(), s.b().rows()));
      }
      return new LoraLinear(WeightLoader.pack(split(sum, bands), format, arena), base.bias());
    }
  }

  /**
   * The products of a block with their adapters merged.
   *
   * @param config the shape of the model
   * @param layer the block
   * @param products of the block
   * @param adapter what to add
   * @param format of the merged weights
   * @param arena owns the merged weights
   * @return all products; one without adapter is shared
   */
  public static Map<Projection, LoraLinear> block(
      BaseConfig config,
      int layer,
      Function<Projection, LoraLinear> products,
      LoraAdapter adapter,
      WeightFormat format,
      Arena arena) {
    var merged = new EnumMap<Projection, LoraLinear>(Projection.class);
    for (var projection : Projection.values()) {
      var product = products.apply(projection);
      merged.put(
          projection,
          adapter
              .factors(layer, projection)
              .map(f -> product(product, f, config.outputs(projection), format, arena))
              .orElse(product));
    }
    return merged;
  }

  /** The fp32 values of a weight. */
  static void decode(Weight weight, Matrix to) {
    switch (weight) {
      case Matrix dense -> Cast.run(dense, to);
      case Nf4Matrix fourBit -> Nf4Dequantize.run(fourBit, to);
    }
  }

  /** wSum += scale b a. */
  static void add(Matrix b, Matrix a, float scale, Matrix wSum) {
    float[] values = HostCopy.readFloats(b);
    for (int i = 0; i < values.length; i++) {
      values[i] *= scale;
    }
    try (var scratch = Arena.ofConfined()) {
      Matrix scaled =
          Matrix.allocate(b.buffer().device(), "merging", DType.F32, b.rows(), b.cols(), scratch);
      HostCopy.write(scaled, values);
      MatMul.backwardSum(scaled, a, wSum);
    }
  }

  private static List<Matrix> split(Matrix whole, List<Integer> bands) {
    var parts = new ArrayList<Matrix>();
    int first = 0;
    for (int rows : bands) {
      parts.add(whole.rowSlice(first, rows));
      first += rows;
    }
    return parts;
  }
}
