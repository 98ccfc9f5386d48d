package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.ops.Nf4Quantize;

/** What the benchmarks of operations on weights share: 4-bit bands of random numbers. */
public abstract class WeightBenchmark extends OpBenchmark {
  /** Rows and columns of the weight. */
  static final int SIZE = 4096;

  /** For the benchmarks. */
  WeightBenchmark() {}

  /** A band of NF4 with nested scales whose bits are still to be written. */
  final Band emptyBand(Layout layout) {
    int blocks = SIZE * SIZE / 64;
    var codes = device().allocate("codes", layout.bytes(SIZE, SIZE), arena());
    var scales = device().allocate("scale codes", blocks, arena());
    var nested = device().allocate("nested scales", blocks / Band.NESTED_BLOCK * 4L, arena());
    var both = new Scales.Nested(scales, nested, 0);
    return new Band(Code.NF4, 64, SIZE, SIZE, DType.BF16, layout, codes, both);
  }

  /** A band of normally distributed numbers. */
  final Band band(Layout layout) {
    Matrix source = random("source", DType.F32, SIZE, SIZE);
    return Nf4Quantize.run(source, emptyBand(layout));
  }

  /** What a band takes: codes, scale codes and nested scales. */
  static long bytes(Band band) {
    long elements = (long) band.rows() * band.cols();
    return elements / 2 + elements / 64 + elements / 64 / Band.NESTED_BLOCK * 4;
  }
}
