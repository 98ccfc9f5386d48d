package io.gatun.bench;

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

  private TrainPass pass;
  private Batch batch;
  private OptimizerStep optimizer;
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
    optimizer = new OptimizerStep(adapter().parameters(), memory());
  }

  /** One step. */
  @Benchmark
  public double step() {
    step++;
    var gradients = pass.gradients();
    gradients.zero();
    var loss = pass.run(batch, 1, step);
    return optimizer.apply(gradients.sum(), loss, step);
  }
}
