package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.ops.Nf4Quantize;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** A weight of 4096 x 4096 in fp32, with double quantization. */
public class Nf4QuantizeBenchmark extends WeightBenchmark {
  /** Order of the codes. */
  @Param({"FILE", "TILED"})
  public Layout layout;

  private Matrix x;
  private Band out;

  /** For JMH. */
  public Nf4QuantizeBenchmark() {}

  @Override
  void prepare() {
    x = random("x", DType.F32, SIZE, SIZE);
    out = emptyBand(layout);
  }

  /** All elements. */
  @Benchmark
  public Band run(Roofline roofline) {
    roofline.bytes(bytes(x) + bytes(out));
    return Nf4Quantize.run(x, out);
  }
}
