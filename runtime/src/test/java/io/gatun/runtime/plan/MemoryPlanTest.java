package io.gatun.runtime.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.MemoryUse;
import io.gatun.kernels.cuda.CudaTests;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.train.Dataset;
import io.gatun.runtime.train.Example;
import io.gatun.runtime.train.Training;
import io.gatun.runtime.train.TrainingPlan;
import io.gatun.runtime.train.TrainingPlan.Recompute;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A training takes what its plan told, to the byte and name by name. There is no operand put
 * together from parts among it: ranks are made beside what they are multiplied with.
 */
class MemoryPlanTest {
  private static final long SEED = 5;
  private static final int MOST = 40; // tokens of a micro-batch
  private static final int FEW = 32; // most that a GPU multiplies by weights in 4 bit as they are

  @ParameterizedTest
  @CsvSource({
    "CPU, tiny_llama, NF4, BF16, 0, OFF",
    "CPU, tiny_qwen2, NF4, BF16, 0.1, ON",
    "CPU, tiny_qwen2, BF16, F32, 0, OFF",
    "CUDA, tiny_llama, NF4, BF16, 0, OFF",
    "CUDA, tiny_llama, NF4, BF16, 0, AUTO",
    "CUDA, tiny_qwen2, NF4, BF16, 0.1, ON",
    "CUDA, tiny_qwen2, BF16, F32, 0, OFF"
  })
  void theForecastIsWhatIsTaken(
      Device.Kind on,
      String model,
      String format,
      DType compute,
      float dropout,
      Recompute recompute) {
    try (Device device = on == Device.Kind.CPU ? Device.cpu() : CudaTests.open()) {
      check(device, model, format(format), compute, dropout, recompute);
    }
  }

  private static WeightFormat format(String name) {
    return name.equals("NF4") ? WeightFormat.nf4() : WeightFormat.bf16();
  }

  private static void check(
      Device device,
      String model,
      WeightFormat format,
      DType compute,
      float dropout,
      Recompute recompute) {
    try (var arena = Arena.ofConfined()) {
      var config = DecoderConfig.of(Checkpoint.open(Golden.file("models/" + model), arena));
      var lora = LoraConfig.defaults().withRank(4, 8).withDropout(dropout);
      int kept = recompute == Recompute.ON ? 0 : config.layers();
      int decoded = recompute == Recompute.AUTO ? config.layers() : 0;
      var told =
          MemoryPlan.training(device.kind(), config, format, compute, lora, MOST, kept, decoded);
      var decoder = Decoder.random(config, format, compute, SEED, device, arena);
      var adapter = LoraAdapter.create(decoder, lora, SEED, arena);
      var plan =
          TrainingPlan.defaults()
              .withSteps(2)
              .withBatchSize(2)
              .withMicroBatchTokens(MOST)
              .with(recompute);
      var live = new ArrayList<MemoryUse>();
      Training.run(decoder, adapter, rows(MOST, FEW), plan, _ -> live.add(device.memory()));
      assertEquals(told.byName(), live.getLast().byName());
      assertEquals(told.bytes(), live.getLast().peak());
      assertFalse(told.byName().containsKey("device.operand"));
    }
  }

  private static Dataset rows(int... lengths) {
    List<Example> rows = new ArrayList<>();
    for (int length : lengths) {
      var ids = new int[length];
      Arrays.setAll(ids, i -> 3 + (i * i + length) % 100);
      var learned = new boolean[length];
      Arrays.fill(learned, true);
      rows.add(new Example(ids, learned, rows.size() + 1));
    }
    return Dataset.of("rows", rows);
  }
}
