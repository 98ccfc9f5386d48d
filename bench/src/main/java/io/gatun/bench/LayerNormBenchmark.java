package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Cast;
import io.gatun.kernels.ops.LayerNorm;
import org.openjdk.jmh.annotations.Benchmark;

/** 32768 tokens of 768 features, more than the caches hold; and a copy of them, to compare with. */
public class LayerNormBenchmark extends OpBenchmark {
  private static final int TOKENS = 32768;

  private Matrix x;
  private Matrix y;
  private Matrix gamma;
  private Matrix beta;
  private Matrix mean;
  private Matrix rstd;

  /** For JMH. */
  public LayerNormBenchmark() {}

  @Override
  void prepare() {
    x = activations("x", TOKENS, 768);
    y = activations("y", TOKENS, 768);
    gamma = random("gamma", DType.F32, 1, 768);
    beta = random("beta", DType.F32, 1, 768);
    mean = random("mean", DType.F32, TOKENS, 1);
    rstd = random("rstd", DType.F32, TOKENS, 1);
  }

  /** A norm. */
  @Benchmark
  public void forward(Roofline roofline) {
    LayerNorm.forward(x, gamma, beta, 1e-12f, y, mean, rstd);
    roofline.bytes(bytes(x, y));
  }

  /** Its gradient. */
  @Benchmark
  public void backward(Roofline roofline) {
    LayerNorm.backward(x, x, gamma, mean, rstd, y);
    roofline.bytes(bytes(x, y));
  }

  /** Its gradient, added; dy is x, so that reads are counted once. */
  @Benchmark
  public void backwardSum(Roofline roofline) {
    LayerNorm.backwardSum(x, x, gamma, mean, rstd, y);
    roofline.bytes(bytes(x, y, y));
  }

  /** What the memory gives. */
  @Benchmark
  public void copy(Roofline roofline) {
    Cast.run(x, y);
    roofline.bytes(bytes(x, y));
  }
}
