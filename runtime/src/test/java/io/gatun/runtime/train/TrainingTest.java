package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.HostCopy;
import io.gatun.quant.Golden;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class TrainingTest {
  private static final TrainingPlan PLAN =
      TrainingPlan.defaults().withSteps(4).withLearningRate(0.01);
  private static final double TOLERANCE = Golden.tolerance("trainer.final");

  /** Parameters after a run. */
  private static float[] trained(int threads, float dropout, Dataset rows, TrainingPlan plan) {
    try (var model = TinyModel.open(threads)) {
      var adapter = model.adapter(dropout);
      Training.run(model.decoder, adapter, rows, plan, step -> {});
      return HostCopy.readFloats(adapter.parameters());
    }
  }

  private static float[] trained(float dropout, Dataset rows, TrainingPlan plan) {
    return trained(2, dropout, rows, plan);
  }

  @Test
  void lossFalls() {
    List<Step> steps = new ArrayList<>();
    try (var model = TinyModel.open()) {
      var result =
          Training.run(
              model.decoder,
              model.adapter(0),
              TinyModel.rows(12),
              PLAN.withEpochs(20).withBatchSize(4),
              steps::add);
      assertEquals(60, result.last().number());
      assertEquals(List.of(), result.evaluations());
    }
    assertEquals(60, steps.size());
    assertTrue(steps.getLast().loss() < 0.5 * steps.getFirst().loss(), steps.toString());
    assertEquals(20, steps.getLast().epoch());
    assertEquals(0.01, steps.getFirst().learningRate());
    assertTrue(steps.stream().allMatch(step -> step.rows() == 4 && step.tokens() >= 12));
  }

  @Test
  void accumulatingEqualsOneBigBatch() {
    var rows = TinyModel.rows(20);
    var whole = trained(0, rows, PLAN.withBatchSize(8));
    assertArrayEquals(whole, trained(0, rows, PLAN.withBatchSize(2).withAccumulation(4)));
    assertArrayEquals(whole, trained(0, rows, PLAN.withBatchSize(1).withAccumulation(8)));
  }

  @Test
  void theCutIntoMicroBatchesDoesNotMatter() {
    var rows = TinyModel.rows(20);
    for (float dropout : new float[] {0, 0.3f}) {
      float[] whole = trained(dropout, rows, PLAN.withMicroBatchTokens(4096));
      for (int tokens : new int[] {1, 20, 50}) {
        float[] cut = trained(dropout, rows, PLAN.withMicroBatchTokens(tokens));
        assertArrayEquals(whole, cut, (float) TOLERANCE);
      }
    }
  }

  @Test
  void aSharedBeginningIsComputedOnceAndChangesNothing() {
    var rows = TinyModel.rowsWithPrefix(8, 20);
    List<Step> steps = new ArrayList<>();
    float[] shared;
    try (var model = TinyModel.open()) {
      var adapter = model.adapter(0);
      Training.run(model.decoder, adapter, rows, PLAN, steps::add);
      shared = HostCopy.readFloats(adapter.parameters());
    }
    assertEquals(rows.statistics().tokens() - 7 * 19, steps.getFirst().computed());
    assertArrayEquals(shared, trained(0, rows, PLAN.withMicroBatchTokens(1)), (float) TOLERANCE);
  }

  @Test
  void theSameSeedGivesTheSameBytesOnAnyNumberOfThreads() {
    var rows = TinyModel.rows(20);
    float[] first = trained(1, 0.1f, rows, PLAN);
    assertArrayEquals(first, trained(1, 0.1f, rows, PLAN));
    assertArrayEquals(first, trained(2, 0.1f, rows, PLAN));
    assertFalse(Arrays.equals(first, trained(1, 0.1f, rows, PLAN.withSeed(43))));
  }

  @Test
  void computingBlocksAgainGivesTheSameBytes() {
    var rows = TinyModel.rows(20);
    assertArrayEquals(
        trained(0.1f, rows, PLAN.with(TrainingPlan.Recompute.OFF)),
        trained(0.1f, rows, PLAN.with(TrainingPlan.Recompute.ON)));
  }

  @Test
  void numbersThatAreLostStopTheRun() {
    try (var model = TinyModel.open()) {
      var adapter = model.adapter(0);
      var rows = TinyModel.rows(8);
      var plan = PLAN.withLearningRate(1e30);
      var e =
          assertThrows(
              TrainingException.class,
              () -> Training.run(model.decoder, adapter, rows, plan, step -> {}));
      assertTrue(e.getMessage().contains("of 4"), e.getMessage());
      assertTrue(e.getMessage().contains("lower learning rate than 1.0E30"), e.getMessage());
    }
  }

  @Test
  void rowsOfAnotherModelAreRefused() {
    try (var model = TinyModel.open()) {
      int vocabulary = model.decoder.config().vocabulary();
      refused(model, new int[] {5, vocabulary}, "row 3", "tokenizer belongs to another model");
      int context = model.decoder.config().contextLength();
      refused(model, new int[context + 1], "row 3", "context", "maximum length");
    }
  }

  private static void refused(TinyModel model, int[] ids, String... parts) {
    boolean[] learned = new boolean[ids.length];
    learned[1] = true;
    var rows = Dataset.of("test", List.of(new Example(ids, learned, 3)));
    var e =
        assertThrows(
            TrainingException.class,
            () -> Training.run(model.decoder, model.adapter(0), rows, PLAN, step -> {}));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
  }
}
