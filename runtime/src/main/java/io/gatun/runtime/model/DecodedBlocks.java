package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.ops.Nf4Dequantize;
import io.gatun.runtime.adapter.LoraLinear;
import java.lang.foreign.Arena;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.Function;

/**
 * Blocks whose 4-bit weights are decoded once for a training on a GPU, instead of for each product.
 * An adapter's factors are put beside the values, so each run has its own.
 */
public final class DecodedBlocks {
  private static final String NAME = "run.decoded-weights";
  private static final int LINE = 64; // columns: rows start where they do in the device's scratch

  private DecodedBlocks() {}

  /**
   * The memory of one block.
   *
   * @param config shape of the model
   * @param compute type of the values
   * @param ranks of the adapter, for each product that has one
   * @return bytes
   */
  static long bytes(BaseConfig config, DType compute, Map<Projection, Integer> ranks) {
    long bytes = 0;
    for (var projection : Projection.values()) {
      int room = ranks.getOrDefault(projection, 0);
      int rows = config.outputCols(projection) + room;
      bytes += Matrix.bytes(compute, rows, stride(config.inputs(projection) + room));
    }
    return bytes;
  }

  /**
   * The memory of a number of blocks.
   *
   * @param count how many
   * @param config shape of the model
   * @param compute type of the values
   * @param ranks of the adapter, for each product that has one
   * @return bytes by name; nothing for no block
   */
  public static Map<String, Long> memory(
      int count, BaseConfig config, DType compute, Map<Projection, Integer> ranks) {
    return count == 0 ? Map.of() : Map.of(NAME, count * bytes(config, compute, ranks));
  }

  /** The products of a block with their values. */
  static Map<Projection, LoraLinear> of(
      Function<Projection, LoraLinear> products,
      DType compute,
      Map<Projection, Integer> ranks,
      Arena arena) {
    var decoded = new EnumMap<Projection, LoraLinear>(Projection.class);
    for (var projection : Projection.values()) {
      var product = products.apply(projection);
      int room = ranks.getOrDefault(projection, 0);
      decoded.put(
          projection,
          product.weight() instanceof Nf4Matrix w
              ? new LoraLinear(keep(w, compute, room, arena), product.bias())
              : product);
    }
    return decoded;
  }

  private static Nf4Matrix keep(Nf4Matrix w, DType compute, int room, Arena arena) {
    var device = w.bands().getFirst().codes().device();
    int cols = w.cols() + room;
    Matrix lines = Matrix.allocate(device, NAME, compute, w.rows() + room, stride(cols), arena);
    return Nf4Dequantize.keep(w, lines.colSlice(0, cols));
  }

  private static int stride(int cols) {
    return Math.ceilDiv(cols, LINE) * LINE;
  }
}
