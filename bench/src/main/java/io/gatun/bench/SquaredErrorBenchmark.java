package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.SquaredError;
import org.openjdk.jmh.annotations.Benchmark;

/**
 * 16384 rows of 1024 columns, more than the caches hold. The gradient it leaves is the next call's
 * input; the work is the same.
 */
public class SquaredErrorBenchmark extends OpBenchmark {
  private static final int ROWS = 16384;

  private Matrix z;
  private Matrix targets;
  private Matrix weights;
  private Matrix loss;

  /** For JMH. */
  public SquaredErrorBenchmark() {}

  @Override
  void prepare() {
    z = activations("z", ROWS, 1024);
    targets = Matrix.allocate(device(), "targets", DType.F32, ROWS, 1024, arena());
    weights = random("weights", DType.F32, ROWS, 1);
    loss = random("loss", DType.F32, ROWS, 1);
  }

  /** Loss and gradient. */
  @Benchmark
  public void run(Roofline roofline) {
    SquaredError.run(z, targets, weights, loss);
    roofline.bytes(bytes(z, z, targets));
  }
}
