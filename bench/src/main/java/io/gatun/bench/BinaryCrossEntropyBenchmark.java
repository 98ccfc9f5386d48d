package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.BinaryCrossEntropy;
import org.openjdk.jmh.annotations.Benchmark;

/**
 * 16384 rows of 1024 columns, more than the caches hold. The gradient it leaves is the next call's
 * input; the work is the same.
 */
public class BinaryCrossEntropyBenchmark extends OpBenchmark {
  private static final int ROWS = 16384;

  private Matrix logits;
  private Matrix targets;
  private Matrix weights;
  private Matrix loss;

  /** For JMH. */
  public BinaryCrossEntropyBenchmark() {}

  @Override
  void prepare() {
    logits = activations("logits", ROWS, 1024);
    targets = Matrix.allocate(device(), "targets", DType.F32, ROWS, 1024, arena());
    weights = random("weights", DType.F32, ROWS, 1);
    loss = random("loss", DType.F32, ROWS, 1);
  }

  /** Loss and gradient. */
  @Benchmark
  public void run(Roofline roofline) {
    BinaryCrossEntropy.run(logits, targets, weights, loss);
    roofline.bytes(bytes(logits, logits, targets));
  }
}
