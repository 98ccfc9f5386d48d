package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.Device;
import io.gatun.quant.Golden;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/**
 * Runs of Hugging Face's Trainer with PEFT: every loss, rate and norm, and the adapter at the end.
 */
class TrainerGoldenTest {
  @TempDir Path folder;

  @Test
  void runsAreThoseOfTheTrainer() {
    Golden.files("trainer", "*.final.safetensors").run(this::compare);
  }

  private void compare(Golden.Case c) {
    JsonNode golden = new ObjectMapper().readTree(c.resolve("trainer/runs.json").toFile());
    JsonNode run = golden.get("runs").get(c.name());
    JsonNode settings = run.get("args");
    if (settings.path("label_smoothing_factor").asDouble(0) != 0) {
      throw new Golden.Refused("label smoothing");
    }
    try (var model = new TinyModel(c.resolve("models/tiny_llama"), Device.cpu())) {
      var adapter = LoraAdapter.load(c.resolve("peft/llama_lora"), model.decoder, model.arena);
      List<Step> steps = new ArrayList<>();
      Training.run(model.decoder, adapter, rows(golden.get("data")), plan(settings), steps::add);
      assertEquals(run.get("max_steps").asInt(), steps.size());
      for (Step step : steps) {
        compare(run.get("log_history").get(step.number() - 1), step, batches(golden, settings));
      }
      compareWeights(c.path(), adapter);
    }
  }

  private static int batches(JsonNode golden, JsonNode settings) {
    return Math.ceilDiv(
        golden.get("data").size(), settings.get("per_device_train_batch_size").asInt());
  }

  private static void compare(JsonNode golden, Step step, int batchesPerEpoch) {
    String name = "step " + step.number();
    double loss = golden.get("loss").asDouble();
    double rate = golden.get("learning_rate").asDouble();
    double norm = golden.get("grad_norm").asDouble();
    assertEquals(loss, step.loss(), Golden.tolerance("trainer.loss"), name);
    assertEquals(rate, step.learningRate(), rate * Golden.tolerance("trainer.rate.relative"), name);
    assertEquals(norm, step.gradNorm(), norm * Golden.tolerance("trainer.norm.relative"), name);
    // the Trainer counts batches, we count rows
    assertEquals(golden.get("epoch").asDouble(), step.epoch(), 1.0 / batchesPerEpoch, name);
  }

  private void compareWeights(Path file, LoraAdapter adapter) {
    adapter.save(folder);
    try (var arena = Arena.ofConfined()) {
      var expected = Checkpoint.open(file, arena);
      var actual = Checkpoint.open(folder.resolve("adapter_model.safetensors"), arena);
      assertEquals(expected.names(), actual.names());
      for (String name : expected.names()) {
        assertArrayEquals(
            expected.readFloats(name),
            actual.readFloats(name),
            (float) Golden.tolerance("trainer.final"),
            name);
      }
    }
  }

  private static Dataset rows(JsonNode data) {
    List<Example> rows = new ArrayList<>();
    for (JsonNode row : data) {
      int[] ids = new int[row.get("input_ids").size()];
      boolean[] learned = new boolean[ids.length];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = row.get("input_ids").get(i).asInt();
        learned[i] = row.get("labels").get(i).asInt() >= 0;
      }
      rows.add(new Example(ids, learned, rows.size() + 1));
    }
    return Dataset.of("golden", rows);
  }

  private static TrainingPlan plan(JsonNode s) {
    double warmup = s.get("warmup_steps").asDouble();
    var batches =
        new TrainingPlan.Batches(
            s.get("per_device_train_batch_size").asInt(),
            s.get("gradient_accumulation_steps").asInt(),
            64,
            false,
            0);
    return TrainingPlan.defaults()
        .withEpochs(s.get("num_train_epochs").asDouble())
        .with(batches)
        .withLearningRate(s.get("learning_rate").asDouble())
        .withSchedule(
            Schedule.named(s.get("lr_scheduler_type").asString()),
            warmup < 1 ? Portion.share(warmup) : Portion.steps((int) warmup))
        .with(
            new Optimizer.Settings(
                0.9,
                0.999,
                1e-8,
                s.get("weight_decay").asDouble(),
                s.get("max_grad_norm").asDouble()));
  }
}
