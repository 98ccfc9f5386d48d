package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.GoldenClassifier;
import io.gatun.runtime.model.TensorFile;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Whole runs beside PEFT's: the loss of every step, whatever the cut into micro-batches. */
class ClassificationGoldenTest {
  /** As the golden runs have it: no schedule, no clipping. */
  private static final TrainingPlan PLAN =
      TrainingPlan.defaults()
          .withLearningRate(1e-3)
          .withSchedule(new Schedule.Constant(), Portion.steps(0))
          .with(new Optimizer.Settings(0.9, 0.999, 1e-8, 0.01, 0));

  @Test
  void lossesAreThoseOfPeft() {
    Golden.folders("peft", "adapter_config.json")
        .where(c -> config(c).path("task_type").asString("").equals("SEQ_CLS"))
        .run(c -> {
          for (int tokens : new int[] {1, 4096}) {
            compare(c, PLAN.withMicroBatchTokens(tokens));
          }
        });
  }

  private static JsonNode config(Golden.Case c) {
    return new ObjectMapper().readTree(c.file("adapter_config.json").toFile());
  }

  private static void compare(Golden.Case c, TrainingPlan plan) {
    try (var device = Device.cpu();
        var arena = Arena.ofConfined()) {
      var io = new TensorFile(c.file("io.safetensors"), arena);
      var base = config(c).path("base_model_name_or_path").asString("");
      var checkpoint = Checkpoint.open(c.resolve(base), arena);
      var golden = GoldenClassifier.of(io, checkpoint, Math.toIntExact(io.shape("logits").get(1)));
      var rows = ClassificationData.of(c.name(), golden.labels(), golden.rows());
      var classifier =
          Classifier.load(checkpoint, golden.labels(), WeightFormat.f32(), DType.F32, device, arena)
              .withoutDropout();
      var adapter = LoraAdapter.load(c.path(), classifier, arena);
      double[] losses = io.doubles("losses");
      List<Step> steps = new ArrayList<>();
      var whole = plan.withSteps(losses.length).withBatchSize(rows.rows().size());
      Training.run(classifier, adapter, rows, Optional.empty(), whole, steps::add);
      assertEquals(losses.length, steps.size());
      for (Step step : steps) {
        assertEquals(
            losses[step.number() - 1],
            step.loss(),
            Golden.tolerance("trainer.loss"),
            "step " + step.number());
      }
    }
  }
}
