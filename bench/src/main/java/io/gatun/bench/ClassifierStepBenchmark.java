package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.ClassifierBatch;
import io.gatun.runtime.model.ClassifierPass;
import io.gatun.runtime.model.ClassifierRow;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.Target;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One training step of a classifier with an adapter of rank 16 on all linear layers: 16 short texts
 * packed without padding; forward, loss, backward, clipping, AdamW. {@code -p model=FILE} names an
 * encoder.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
@State(Scope.Thread)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class ClassifierStepBenchmark {
  private static final int ROWS = 16;

  /** The model: {@code -p model=FILE} or {@code -p model=FOLDER}. */
  @Param("")
  public String model;

  /** Tokens of a text. */
  @Param("13")
  public int tokens;

  private Device device;
  private Arena memory;
  private ClassifierPass pass;
  private ClassifierBatch batch;
  private OptimizerStep optimizer;
  private int step;

  /** For JMH. */
  public ClassifierStepBenchmark() {}

  /** Loads the model and packs a batch. */
  @Setup(Level.Trial)
  public void load() {
    device = Device.cpu();
    memory = Arena.ofShared();
    Classifier classifier;
    try (var files = Arena.ofShared()) {
      var checkpoint = Checkpoint.open(Path.of(model), files);
      var labels = Labels.count(10);
      classifier =
          Classifier.load(checkpoint, labels, WeightFormat.nf4(), DType.BF16, device, memory);
    }
    var adapter = LoraAdapter.create(classifier, LoraConfig.defaults(), 1, memory);
    int blocks = classifier.config().layers();
    pass = ClassifierPass.allocate(classifier, adapter, ROWS * tokens, blocks, memory);
    batch = ClassifierBatch.pack(IntStream.range(0, ROWS).mapToObj(this::row).toList());
    optimizer = new OptimizerStep(adapter.parameters(), memory);
  }

  private ClassifierRow row(int index) {
    int[] ids = RandomGenerator.of("L64X128MixRandom").ints(tokens, 0, 1000).toArray();
    return new ClassifierRow(ids, new int[tokens], new Target.Label(index % 10), index * tokens);
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

  /** Frees it. */
  @TearDown(Level.Trial)
  public void free() {
    memory.close();
    device.close();
  }
}
