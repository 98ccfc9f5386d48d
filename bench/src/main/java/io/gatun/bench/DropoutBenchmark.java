package io.gatun.bench;

import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Dropout;
import org.openjdk.jmh.annotations.Benchmark;

/** 512 tokens of 2048 features. */
public class DropoutBenchmark extends OpBenchmark {
  private Matrix x;
  private Matrix y;
  private Ints tokens;

  @Override
  void prepare() {
    x = activations("x", 512, 2048);
    y = activations("y", 512, 2048);
    tokens = below("tokens", 512, 512);
  }

  /** A mask. */
  @Benchmark
  public void forward(Roofline roofline) {
    Dropout.forward(x, new DropoutKey(1, 2, 3), tokens, 0.1f, y);
    roofline.bytes(bytes(x, y));
  }
}
