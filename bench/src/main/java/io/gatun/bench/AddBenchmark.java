package io.gatun.bench;

import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Add;
import org.openjdk.jmh.annotations.Benchmark;

/** 512 tokens of 2048 features. */
public class AddBenchmark extends OpBenchmark {
  private Matrix x;
  private Matrix y;

  @Override
  void prepare() {
    x = activations("x", 512, 2048);
    y = activations("y", 512, 2048);
  }

  /** y += x. */
  @Benchmark
  public void run(Roofline roofline) {
    Add.run(x, y);
    roofline.bytes(bytes(x, y, y));
  }
}
