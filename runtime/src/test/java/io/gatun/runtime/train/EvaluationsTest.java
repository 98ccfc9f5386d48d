package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.HostCopy;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.train.Evaluation.Keep;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Random rows learned by heart: the loss over other random rows falls at first, and then rises. */
class EvaluationsTest {
  private static final int EPOCH = 3;

  /** Three steps of four rows are an epoch. */
  private static final TrainingPlan PLAN =
      TrainingPlan.defaults()
          .withEpochs(8)
          .withBatchSize(4)
          .withLearningRate(0.02)
          .withSchedule(new Schedule.Constant(), Portion.steps(0));

  @TempDir Path temporary;

  /** Hears a run, and copies the parameters at every evaluation. */
  private static final class Witness implements TrainingListener {
    final List<Step> steps = new ArrayList<>();
    final List<Measurement> evaluations = new ArrayList<>();
    final List<float[]> parameters = new ArrayList<>();
    final LoraAdapter adapter;

    Witness(LoraAdapter adapter) {
      this.adapter = adapter;
    }

    @Override
    public void step(Step step) {
      steps.add(step);
    }

    @Override
    public void evaluation(Measurement measurement) {
      evaluations.add(measurement);
      parameters.add(HostCopy.readFloats(adapter.parameters()));
    }

    /** The evaluation with the lowest loss after the first step. */
    int best() {
      int best = 1;
      for (int i = 2; i < evaluations.size(); i++) {
        best = loss(i) < loss(best) ? i : best;
      }
      return best;
    }

    double loss(int evaluation) {
      return evaluations.get(evaluation).figure(Metric.LOSS);
    }
  }

  /** What is left of a run. */
  private record Run(Witness witness, TrainingResult result, float[] parameters) {}

  private static Run run(TrainingPlan plan) {
    try (var model = TinyModel.open()) {
      var adapter = model.adapter(0);
      var witness = new Witness(adapter);
      var parts = TinyModel.rows(24).split(0.5, 1);
      var heldOut = Optional.of(HeldOut.of(parts.heldOut()));
      var result = Training.run(model.decoder, adapter, parts.rows(), heldOut, plan, witness);
      return new Run(witness, result, HostCopy.readFloats(adapter.parameters()));
    }
  }

  private static List<Integer> evaluated(TrainingPlan plan) {
    return run(plan).witness.evaluations.stream().map(Measurement::step).toList();
  }

  private static Evaluation evaluation(int every, int patience, Keep keep) {
    return new Evaluation(every, Optional.empty(), patience, 0, keep);
  }

  @Test
  void evaluationsComeBeforeTheRunAfterEachEpochAndAtTheEnd() {
    assertEquals(List.of(0, 3, 6, 8), evaluated(PLAN.withSteps(8)));
    assertEquals(List.of(0, 3, 6), evaluated(PLAN.withSteps(6)));
    var every5 = PLAN.withSteps(12).with(evaluation(5, 0, Keep.BEST));
    assertEquals(List.of(0, 5, 10, 12), evaluated(every5));
  }

  @Test
  void measuringChangesNothing() {
    var last = PLAN.with(evaluation(1, 0, Keep.LAST));
    float[] measured = run(last).parameters;
    try (var model = TinyModel.open()) {
      var adapter = model.adapter(0);
      var rows = TinyModel.rows(24).split(0.5, 1).rows();
      Training.run(model.decoder, adapter, rows, last, step -> {});
      assertArrayEquals(HostCopy.readFloats(adapter.parameters()), measured);
    }
  }

  @Test
  void theBestEvaluationIsKeptBitForBit() {
    var run = run(PLAN);
    int best = run.witness.best();
    assertTrue(best < run.witness.evaluations.size() - 1, "the loss rises in the end");
    assertArrayEquals(run.witness.parameters.get(best), run.parameters);
    assertFalse(Arrays.equals(run.witness.parameters.getLast(), run.parameters));
    assertEquals(Optional.of(run.witness.evaluations.get(best)), run.result.kept());
    assertEquals(run.witness.evaluations, run.result.evaluations());
    assertTrue(run.witness.evaluations.get(best).best());
    assertFalse(run.witness.evaluations.getFirst().best());
    assertFalse(run.witness.evaluations.getLast().best());
    assertFalse(run.result.stoppedEarly());
  }

  @Test
  void theLastStepIsKeptWhereThePlanSaysSo() {
    var run = run(PLAN.with(evaluation(0, 0, Keep.LAST)));
    assertArrayEquals(run.witness.parameters.getLast(), run.parameters);
    assertEquals(Optional.empty(), run.result.kept());
  }

  @Test
  void theRunStopsWhenItNoLongerImproves() {
    var run = run(PLAN.with(evaluation(0, 2, Keep.BEST)));
    int best = run.witness.best();
    assertEquals(best + 2, run.witness.evaluations.size() - 1);
    assertEquals(EPOCH * (best + 2), run.result.last().number());
    assertTrue(run.result.stoppedEarly());
    assertArrayEquals(run.witness.parameters.get(best), run.parameters);
    String expected =
        "Stopped early after step %d of 24: no improvement in the last 2 evaluations; the best was %s at step %d."
            .formatted(EPOCH * (best + 2), Metric.LOSS.text(run.witness.loss(best)), EPOCH * best);
    assertEquals(List.of(expected), run.result.remarks());
  }

  @Test
  void improvementsUpToTheThresholdDoNotCount() {
    var plan = PLAN.with(new Evaluation(1, Optional.of(Metric.PERPLEXITY), 1, 1e6, Keep.BEST));
    assertEquals(2, run(plan).result.last().number());
  }

  @Test
  void aTrainingThatDoesNotHelpIsSaid() {
    try (var model = TinyModel.open()) {
      var adapter = model.adapter(0);
      var parts = TinyModel.rows(24).split(0.5, 1);
      // what the adapter knows by heart is held out, and forgotten
      Training.run(model.decoder, adapter, parts.heldOut(), PLAN, step -> {});
      var heldOut = Optional.of(HeldOut.of(parts.heldOut()));
      var result =
          Training.run(
              model.decoder, adapter, parts.rows(), heldOut, PLAN.withEpochs(1), step -> {});
      assertEquals(
          List.of(
              "No evaluation was better than the one before the first step (%s); the training did not help on the held-out rows."
                  .formatted(
                      Metric.LOSS.text(result.evaluations().getFirst().figure(Metric.LOSS)))),
          result.remarks());
      assertEquals(3, result.kept().orElseThrow().step(), "the result is a trained adapter");
    }
  }

  @Test
  void evaluationsDoNotCountIntoTheTimeOfSteps() {
    var run = run(PLAN.with(evaluation(1, 0, Keep.LAST)));
    var inSteps =
        run.witness.steps.stream().map(Step::duration).reduce(Duration.ZERO, Duration::plus);
    var last = run.result.last();
    assertTrue(inSteps.compareTo(last.elapsed()) <= 0);
    assertTrue(run.result.evaluating().isPositive());
    var before = run.witness.evaluations.getFirst().duration();
    assertTrue(run.witness.steps.getFirst().elapsed().compareTo(before.plus(inSteps)) < 0);
  }

  private static List<JsonNode> metrics(Path folder) throws IOException {
    var json = new ObjectMapper();
    return Files.readAllLines(folder.resolve("metrics.jsonl")).stream()
        .map(line -> json.readTree(line))
        .toList();
  }

  @Test
  void metricsHoldTheEvaluationsAndTheHeldOutLines() throws IOException {
    try (var model = TinyModel.open()) {
      var parts = TinyModel.rows(24).split(0.5, 1);
      var lines = parts.heldOut().rows().stream().map(Example::line).toList();
      var heldOut = new HeldOut(parts.heldOut(), lines, Optional.empty());
      var result =
          Training.run(
              model.decoder,
              model.adapter(0),
              parts.rows(),
              Optional.of(heldOut),
              PLAN.withOutput(temporary),
              step -> {});
      var metrics = metrics(temporary);
      var header = metrics.getFirst();
      assertEquals(
          lines, header.at("/held_out/lines").valueStream().map(line -> line.asInt()).toList());
      assertEquals("best", header.at("/evaluation/keep").asString());
      var evaluations = metrics.stream().filter(line -> line.has("eval")).toList();
      assertEquals(result.evaluations().size(), evaluations.size());
      assertEquals(0, metrics.get(1).get("step").asInt(), "the first line is \"before\"");
      for (int i = 0; i < evaluations.size(); i++) {
        var expected = result.evaluations().get(i);
        assertEquals(expected.step(), evaluations.get(i).get("step").asInt());
        assertEquals(expected.figure(Metric.LOSS), evaluations.get(i).at("/eval/loss").asDouble());
        assertEquals(
            Math.exp(expected.figure(Metric.LOSS)),
            evaluations.get(i).at("/eval/perplexity").asDouble());
        assertEquals(expected.best(), evaluations.get(i).get("best").asBoolean());
      }
      assertEquals(result.kept().orElseThrow().step(), metrics.getLast().get("kept").asInt());
    }
  }

  @Test
  void theBestIsOnDiskWhileTheRunGoesAndTheResultAtItsEnd() throws IOException {
    try (var model = TinyModel.open()) {
      var adapter = model.adapter(0);
      var parts = TinyModel.rows(24).split(0.5, 1);
      var witness = new Witness(adapter);
      List<String> seen = new ArrayList<>();
      var listener =
          new TrainingListener() {
            @Override
            public void step(Step step) {
              seen.add(checkpoints());
            }

            @Override
            public void evaluation(Measurement measurement) {
              witness.evaluation(measurement);
            }
          };
      var plan = PLAN.with(new TrainingPlan.Output(Optional.of(temporary), EPOCH, 2, false));
      var heldOut = Optional.of(HeldOut.of(parts.heldOut()));
      Training.run(model.decoder, adapter, parts.rows(), heldOut, plan, listener);
      int best = witness.best();
      String name = "checkpoint-best-" + EPOCH * best;
      assertTrue(seen.getLast().contains(name), seen.toString());
      assertTrue(seen.get(EPOCH).contains("checkpoint-best-3"), seen.toString());
      assertEquals("checkpoint-21 checkpoint-24", checkpoints());
      var saved = LoraAdapter.load(temporary, model.decoder, model.arena);
      assertArrayEquals(witness.parameters.get(best), HostCopy.readFloats(saved.parameters()));
    }
  }

  private String checkpoints() {
    String[] names = temporary.toFile().list((_, name) -> name.startsWith("checkpoint"));
    return String.join(" ", Arrays.stream(names).sorted().toList());
  }

  @Test
  void plansThatCannotBeFollowedAreRefused() {
    var patient = PLAN.with(evaluation(0, 2, Keep.BEST));
    try (var model = TinyModel.open()) {
      var e =
          assertThrows(
              TrainingException.class,
              () ->
                  Training.run(
                      model.decoder, model.adapter(0), TinyModel.rows(4), patient, step -> {}));
      assertTrue(e.getMessage().contains("needs held-out rows"), e.getMessage());
    }
    var accurate = PLAN.with(new Evaluation(0, Optional.of(Metric.ACCURACY), 0, 0, Keep.BEST));
    var e = assertThrows(TrainingException.class, () -> run(accurate));
    assertEquals(
        "The metric accuracy is not measured in this run; loss, perplexity can be.",
        e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> evaluation(-1, 0, Keep.BEST));
    assertThrows(IllegalArgumentException.class, () -> evaluation(0, -1, Keep.BEST));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Evaluation(0, Optional.empty(), 0, Double.NaN, Keep.BEST));
  }
}
