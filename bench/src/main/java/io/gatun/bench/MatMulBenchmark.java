package io.gatun.bench;

import io.gatun.kernels.Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.MatMul;
import org.openjdk.jmh.annotations.Benchmark;

/** Rows against a weight of 4096 x 4096. */
public class MatMulBenchmark extends ProductBenchmark {
  private Weight w;
  private Matrix x;
  private Matrix y;

  /** For JMH. */
  public MatMulBenchmark() {}

  @Override
  void prepare() {
    w = weight();
    x = activations("x", tokens, SIZE);
    y = activations("y", tokens, SIZE);
  }

  /** y = x wᵀ. */
  @Benchmark
  public void forward(Roofline roofline) {
    MatMul.forward(x, w, y);
    roofline.flops(flops());
  }

  /** dx = dy w. */
  @Benchmark
  public void backward(Roofline roofline) {
    MatMul.backward(y, w, x);
    roofline.flops(flops());
  }
}
