package io.gatun.bench;

import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.SoftCap;
import org.openjdk.jmh.annotations.Benchmark;

/** 64 rows of 32768 logits. */
public class SoftCapBenchmark extends OpBenchmark {
  private Matrix x;

  @Override
  void prepare() {
    x = activations("x", 64, 32768);
  }

  /** A cap. */
  @Benchmark
  public void run(Roofline roofline) {
    SoftCap.run(x, 30);
    roofline.bytes(bytes(x, x));
  }
}
