package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Cast;
import org.openjdk.jmh.annotations.Benchmark;

/** 4 million elements from the activations' type. */
public class CastBenchmark extends OpBenchmark {
  private Matrix x;
  private Matrix half;
  private Matrix full;

  @Override
  void prepare() {
    x = activations("x", 2048, 2048);
    half = random("half", DType.F16, 2048, 2048);
    full = random("full", DType.F32, 2048, 2048);
  }

  /** Narrowing. */
  @Benchmark
  public void toF16(Roofline roofline) {
    Cast.run(x, half);
    roofline.bytes(bytes(x, half));
  }

  /** Widening, or a copy. */
  @Benchmark
  public void toF32(Roofline roofline) {
    Cast.run(x, full);
    roofline.bytes(bytes(x, full));
  }
}
