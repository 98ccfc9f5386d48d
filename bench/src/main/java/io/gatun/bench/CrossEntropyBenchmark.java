package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.CrossEntropy;
import org.openjdk.jmh.annotations.Benchmark;

/**
 * 64 rows of 49152 logits. The gradient it leaves is the next call's input; the work is the same.
 */
public class CrossEntropyBenchmark extends OpBenchmark {
  private Matrix logits;
  private Matrix weights;
  private Matrix loss;
  private Ints labels;

  @Override
  void prepare() {
    logits = activations("logits", 64, 49152);
    weights = random("weights", DType.F32, 64, 1);
    loss = random("loss", DType.F32, 64, 1);
    labels = below("labels", 64, 49152);
  }

  /** Loss and gradient. */
  @Benchmark
  public void run(Roofline roofline) {
    CrossEntropy.run(logits, labels, weights, 0, loss);
    roofline.bytes(bytes(logits, logits));
  }

  /** With a soft cap. */
  @Benchmark
  public void capped(Roofline roofline) {
    CrossEntropy.run(logits, labels, weights, 30, loss);
    roofline.bytes(bytes(logits, logits));
  }
}
