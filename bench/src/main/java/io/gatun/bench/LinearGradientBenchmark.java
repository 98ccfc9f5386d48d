package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.LinearGradient;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** A layer of 768 features in and out, seen by some rows. */
public class LinearGradientBenchmark extends OpBenchmark {
  private static final int SIZE = 768;

  /** Rows: of a classifier's batch, or tokens. */
  @Param({"64", "4096"})
  public int rows;

  private Matrix dy;
  private Matrix x;
  private Matrix dw;
  private Matrix db;

  /** For JMH. */
  public LinearGradientBenchmark() {}

  @Override
  void prepare() {
    dy = activations("dy", rows, SIZE);
    x = activations("x", rows, SIZE);
    dw = random("dw", DType.F32, SIZE, SIZE);
    db = random("db", DType.F32, 1, SIZE);
  }

  /** Gradients of weight and bias. */
  @Benchmark
  public void run(Roofline roofline) {
    LinearGradient.run(dy, x, dw, db);
    roofline.flops(2.0 * rows * SIZE * SIZE);
  }
}
