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
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/**
 * Runs of Hugging Face's Trainer with PEFT: every loss, rate and norm, and the adapter at the end.
 */
class TrainerGoldenTest {
  private static final Set<String> KNOWN =
      Set.of(
          "per_device_train_batch_size",
          "gradient_accumulation_steps",
          "num_train_epochs",
          "max_steps",
          "learning_rate",
          "lr_scheduler_type",
          "warmup_steps",
          "weight_decay",
          "adam_beta1",
          "adam_beta2",
          "adam_epsilon",
          "max_grad_norm",
          "label_smoothing_factor",
          "optim",
          "seed",
          "logging_steps",
          "logging_first_step",
          "save_steps",
          "use_cpu");

  @TempDir Path folder;

  @Test
  void runsAreThoseOfTheTrainer() {
    Golden.files("trainer", "*.final.safetensors").run(this::compare);
  }

  private void compare(Golden.Case c) {
    JsonNode golden = new ObjectMapper().readTree(c.resolve("trainer/runs.json").toFile());
    JsonNode run = golden.get("runs").get(c.name());
    JsonNode settings = run.get("args");
    refuse(settings);
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

  /** Settings that change the numbers and that training does not have. */
  private static void refuse(JsonNode settings) {
    if (settings.path("label_smoothing_factor").asDouble(0) != 0) {
      throw new Golden.Refused("label smoothing");
    }
    if (!settings.path("optim").asString("adamw_torch").startsWith("adamw_torch")) {
      throw new Golden.Refused("optimizer " + settings.get("optim"));
    }
    for (String key : settings.propertyNames()) {
      if (!KNOWN.contains(key)) {
        throw new Golden.Refused("setting " + key);
      }
    }
  }

  private static TrainingPlan plan(JsonNode s) {
    double warmup = s.path("warmup_steps").asDouble(0);
    int steps = s.path("max_steps").asInt(-1);
    var batches =
        new TrainingPlan.Batches(
            s.get("per_device_train_batch_size").asInt(),
            s.path("gradient_accumulation_steps").asInt(1),
            64,
            false,
            0);
    var plan =
        steps > 0
            ? TrainingPlan.defaults().withSteps(steps)
            : TrainingPlan.defaults().withEpochs(s.path("num_train_epochs").asDouble(3));
    return plan.with(batches)
        .withLearningRate(s.get("learning_rate").asDouble())
        .withSchedule(
            Schedule.named(s.path("lr_scheduler_type").asString("linear")),
            warmup < 1 ? Portion.share(warmup) : Portion.steps((int) warmup))
        .with(
            new Optimizer.Settings(
                s.path("adam_beta1").asDouble(0.9),
                s.path("adam_beta2").asDouble(0.999),
                s.path("adam_epsilon").asDouble(1e-8),
                s.path("weight_decay").asDouble(0),
                s.path("max_grad_norm").asDouble(1)));
  }
}
