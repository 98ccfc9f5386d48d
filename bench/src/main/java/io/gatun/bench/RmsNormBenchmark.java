package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.RmsNorm;
import org.openjdk.jmh.annotations.Benchmark;

/** 512 tokens of 2048 features. */
public class RmsNormBenchmark extends OpBenchmark {
  private Matrix x;
  private Matrix y;
  private Matrix gamma;
  private Matrix rstd;

  @Override
  void prepare() {
    x = activations("x", 512, 2048);
    y = activations("y", 512, 2048);
    gamma = random("gamma", DType.F32, 1, 2048);
    rstd = random("rstd", DType.F32, 512, 1);
  }

  /** A norm. */
  @Benchmark
  public void forward(Roofline roofline) {
    RmsNorm.forward(x, gamma, 0, 1e-6f, y, rstd);
    roofline.bytes(bytes(x, y));
  }

  /** Its gradient, added. */
  @Benchmark
  public void backwardSum(Roofline roofline) {
    RmsNorm.backwardSum(x, x, gamma, 0, rstd, y);
    roofline.bytes(bytes(x, y, y));
  }
}
