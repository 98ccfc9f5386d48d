package io.gatun.bench;

import io.gatun.kernels.Activation;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Glu;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** 512 tokens of 5632 gates. */
public class GluBenchmark extends OpBenchmark {
  /** The function in front. */
  @Param({"SILU", "GELU", "GELU_TANH"})
  public Activation activation;

  private Matrix gateUp;
  private Matrix dGateUp;
  private Matrix h;

  @Override
  void prepare() {
    gateUp = activations("gateUp", 512, 11264);
    dGateUp = activations("dGateUp", 512, 11264);
    h = activations("h", 512, 5632);
  }

  /** h from gate and up. */
  @Benchmark
  public void forward(Roofline roofline) {
    Glu.forward(activation, gateUp, h);
    roofline.bytes(bytes(gateUp, h));
  }

  /** Gradients of gate and up. */
  @Benchmark
  public void backward(Roofline roofline) {
    Glu.backward(activation, gateUp, h, dGateUp);
    roofline.bytes(bytes(gateUp, h, dGateUp));
  }
}
