package io.gatun.bench;

import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.SquaredNorm;
import org.openjdk.jmh.annotations.Benchmark;

/** 4 million elements. */
public class SquaredNormBenchmark extends OpBenchmark {
  private Matrix x;

  @Override
  void prepare() {
    x = activations("x", 1, 1 << 22);
  }

  /** The sum. */
  @Benchmark
  public double run(Roofline roofline) {
    roofline.bytes(bytes(x));
    return SquaredNorm.run(x);
  }
}
