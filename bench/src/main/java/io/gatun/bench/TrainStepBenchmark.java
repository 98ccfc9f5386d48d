package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.AdamW;
import io.gatun.kernels.ops.SquaredNorm;
import io.gatun.runtime.model.Batch;
import io.gatun.runtime.model.Sequence;
import io.gatun.runtime.model.TrainPass;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One training step on one row, every token learned: forward, loss, backward, clipping, AdamW. The
 * peer on the same work is {@code peers/peft_lora_step.py}.
 */
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3)
@Measurement(iterations = 10)
public class TrainStepBenchmark extends ModelBenchmark {
  /** Tokens of the row. */
  @Param("512")
  public int tokens;

  private final AdamW.Hyper hyper = new AdamW.Hyper(1e-4, 0.9, 0.999, 1e-8, 0);
  private TrainPass pass;
  private Batch batch;
  private Matrix firstMoment;
  private Matrix secondMoment;
  private int step;

  /** For JMH. */
  public TrainStepBenchmark() {}

  @Override
  void prepare() {
    var decoder = decoder();
    int blocks = decoder.config().layers();
    pass = TrainPass.allocate(decoder, adapter(), tokens, blocks, memory());
    float[] weights = new float[tokens];
    Arrays.fill(weights, 1, tokens, 1f);
    batch = Batch.pack(List.of(new Sequence(tokens(tokens), weights)), false);
    int parameters = adapter().parameters().cols();
    var device = decoder.device();
    firstMoment = Matrix.allocate(device, "m", DType.F32, 1, parameters, memory());
    secondMoment = Matrix.allocate(device, "v", DType.F32, 1, parameters, memory());
  }

  /** One step. */
  @Benchmark
  public double step() {
    step++;
    var gradients = pass.gradients();
    gradients.zero();
    var loss = pass.run(batch, 1, step);
    double norm = Math.sqrt(SquaredNorm.run(gradients.sum())) / loss.weight();
    float scale = (float) (Math.min(1, 1 / norm) / loss.weight());
    AdamW.step(
        adapter().parameters(), gradients.sum(), firstMoment, secondMoment, hyper, step, scale);
    return loss.mean();
  }
}
