package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.model.Decoder;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.random.RandomGenerator;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What the benchmarks of a real model share: the model with an adapter of rank 16 on all linear
 * layers, on all threads.
 */
@State(Scope.Thread)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public abstract class ModelBenchmark {
  /** The model: {@code -p model=FILE} or {@code -p model=FOLDER}. */
  @Param("")
  public String model;

  /** The base: {@code nf4} or {@code bf16}. */
  @Param("nf4")
  public String base;

  private Device device;
  private Arena memory;
  private Decoder decoder;
  private LoraAdapter adapter;

  /** For the benchmarks. */
  ModelBenchmark() {}

  /** Loads the model, then makes what the benchmark needs besides. */
  @Setup(Level.Trial)
  public void load() {
    if (model.isEmpty()) {
      throw new IllegalArgumentException("name a model: -p model=FILE or -p model=FOLDER");
    }
    device = Device.cpu();
    memory = Arena.ofShared();
    var format = base.equals("nf4") ? WeightFormat.nf4() : WeightFormat.bf16();
    try (var files = Arena.ofShared()) {
      var checkpoint = Checkpoint.open(Path.of(model), files);
      decoder = Decoder.load(checkpoint, format, DType.BF16, device, memory);
    }
    adapter = LoraAdapter.create(decoder, LoraConfig.defaults(), 1, memory);
    prepare();
  }

  /** Makes what the benchmark needs besides the model. */
  abstract void prepare();

  /** Frees it. */
  @TearDown(Level.Trial)
  public void free() {
    memory.close();
    device.close();
  }

  final Arena memory() {
    return memory;
  }

  final Decoder decoder() {
    return decoder;
  }

  final LoraAdapter adapter() {
    return adapter;
  }

  /** Tokens at random, the same every time. */
  final int[] tokens(int count) {
    return RandomGenerator.of("L64X128MixRandom").ints(count, 0, 1000).toArray();
  }
}
