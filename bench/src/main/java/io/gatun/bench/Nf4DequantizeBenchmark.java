package io.gatun.bench;

import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.ops.Nf4Dequantize;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** A weight of 4096 x 4096, double quantization, into the type of the activations. */
public class Nf4DequantizeBenchmark extends WeightBenchmark {
  /** Order of the codes. */
  @Param({"FILE", "TILED"})
  public Layout layout;

  private Band w;
  private Matrix y;

  /** For JMH. */
  public Nf4DequantizeBenchmark() {}

  @Override
  void prepare() {
    w = band(layout);
    y = activations("y", SIZE, SIZE);
  }

  /** All elements. */
  @Benchmark
  public void run(Roofline roofline) {
    Nf4Dequantize.run(w, y);
    roofline.bytes(bytes(w) + bytes(y));
  }
}
