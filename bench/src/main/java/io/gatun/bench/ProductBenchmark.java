package io.gatun.bench;

import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Weight;
import java.util.List;
import org.openjdk.jmh.annotations.Param;

/** What the benchmarks of products share: the kinds of a weight, and how many rows meet it. */
public abstract class ProductBenchmark extends WeightBenchmark {
  /** How the weight is stored. */
  public enum Stored {
    /** In the type of the activations. */
    DENSE,
    /** In 4 bits, double quantization, in the order of the fast paths. */
    NF4
  }

  /** How the weight is stored. */
  @Param({"NF4", "DENSE"})
  public Stored weight;

  /** Rows of x: one is decoding, 512 a training batch. */
  @Param({"1", "512"})
  public int tokens;

  /** For the benchmarks. */
  ProductBenchmark() {}

  /** A square weight as the parameter says. */
  final Weight weight() {
    return switch (weight) {
      case DENSE -> activations("weight", SIZE, SIZE);
      case NF4 -> Nf4Matrix.of(List.of(band(Layout.TILED)));
    };
  }

  /** Multiplications and additions of one product. */
  final double flops() {
    return 2.0 * tokens * SIZE * SIZE;
  }
}
