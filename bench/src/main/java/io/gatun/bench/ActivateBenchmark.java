package io.gatun.bench;

import io.gatun.kernels.Activation;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Activate;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** 8192 tokens of 3072 features, more than the caches hold. */
public class ActivateBenchmark extends OpBenchmark {
  /** The function. */
  @Param({"GELU", "GELU_TANH", "SILU", "RELU", "TANH"})
  public Activation activation;

  private Matrix x;
  private Matrix y;

  /** For JMH. */
  public ActivateBenchmark() {}

  @Override
  void prepare() {
    x = activations("x", 8192, 3072);
    y = activations("y", 8192, 3072);
  }

  /** Of every feature. */
  @Benchmark
  public void forward(Roofline roofline) {
    Activate.forward(activation, x, y);
    roofline.bytes(bytes(x, y));
  }

  /** The gradient, in place of dy. */
  @Benchmark
  public void backward(Roofline roofline) {
    Activate.backward(activation, x, y, y);
    roofline.bytes(bytes(x, y, y));
  }
}
