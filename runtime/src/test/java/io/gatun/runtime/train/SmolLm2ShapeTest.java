package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.ops.Devices;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.DecoderConfig;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.ObjectMapper;

/**
 * A short QLoRA training of a block with SmolLM2's widths and heads; of a vocabulary of 49,152 the
 * emulator would watch every byte.
 */
class SmolLm2ShapeTest {
  private static final long SEED = 3;
  private static final String CONFIG =
      """
      {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 2048,
       "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 1,
       "num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192,
       "rms_norm_eps": 1e-5, "rope_theta": 100000, "tie_word_embeddings": true,
       "hidden_act": "silu"}
      """;

  /** Losses of the steps, and the adapter after them. */
  private record Outcome(List<Double> losses, float[] parameters) {}

  private static Outcome train(Device device, Arena arena) {
    var config = DecoderConfig.read(new ObjectMapper().readTree(CONFIG));
    var decoder = Decoder.random(config, WeightFormat.nf4(), DType.BF16, SEED, device, arena);
    var adapter = LoraAdapter.create(decoder, LoraConfig.defaults(), SEED, arena);
    var plan = TrainingPlan.defaults().withSteps(2).withBatchSize(2);
    var losses = new ArrayList<Double>();
    Training.run(decoder, adapter, rows(), plan, step -> losses.add(step.loss()));
    return new Outcome(losses, HostCopy.readFloats(adapter.parameters()));
  }

  private static Dataset rows() {
    var rows =
        IntStream.of(7, 9)
            .mapToObj(length -> {
              int[] ids = new int[length];
              Arrays.setAll(ids, i -> 3 + (i * i + length) * 31 % 2000);
              var learned = new boolean[length];
              Arrays.fill(learned, true);
              return new Example(ids, learned, length);
            })
            .toList();
    return Dataset.of("rows", rows);
  }

  /** As on the CPU; in every order of the emulator's threads the same bytes. */
  @Test
  void trainsOnTheEmulatorAsOnTheCpu() {
    Outcome expected;
    try (Device cpu = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      expected = train(cpu, arena);
    }
    var outcomes = new ArrayList<Outcome>();
    Devices.emulator((device, arena) -> outcomes.add(train(device, arena)));
    var first = outcomes.getFirst();
    for (int i = 0; i < expected.losses().size(); i++) {
      double loss = expected.losses().get(i);
      double tolerance = Golden.tolerance("bf16.loss") * loss;
      assertEquals(loss, first.losses().get(i), tolerance, "loss of step " + (i + 1));
    }
    for (var other : outcomes) {
      assertEquals(first.losses(), other.losses());
      assertArrayEquals(first.parameters(), other.parameters());
    }
  }
}
