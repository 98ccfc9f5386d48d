package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Rope;
import org.openjdk.jmh.annotations.Benchmark;

/** 512 tokens of 32 heads of 64. */
public class RopeBenchmark extends OpBenchmark {
  private Matrix x;
  private Matrix cos;
  private Matrix sin;

  @Override
  void prepare() {
    x = activations("x", 512, 2048);
    cos = random("cos", DType.F32, 512, 32);
    sin = random("sin", DType.F32, 512, 32);
  }

  /** A rotation. */
  @Benchmark
  public void forward(Roofline roofline) {
    Rope.forward(x, cos, sin, 64);
    roofline.bytes(bytes(x, x, cos, sin));
  }
}
