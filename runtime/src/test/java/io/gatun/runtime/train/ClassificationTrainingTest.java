package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.quant.Golden;
import io.gatun.runtime.adapter.LabelsFile;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.ClassifierRow;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.Problem;
import io.gatun.runtime.model.Target;
import io.gatun.runtime.model.TinyClassifier;
import io.gatun.runtime.train.Evaluation.Keep;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.ObjectMapper;

/** Classifiers with new heads that learn which of three tokens a row holds most of. */
class ClassificationTrainingTest {
  private static final String BERT = "bare/tiny_bert";
  private static final Labels THREE = Labels.of("a", "b", "c");
  private static final Labels ANY = THREE.withProblem(Problem.MULTI_LABEL);
  private static final double TOLERANCE = Golden.tolerance("trainer.final");
  private static final TrainingPlan PLAN =
      TrainingPlan.defaults().withSteps(4).withLearningRate(0.01);

  @TempDir Path temporary;

  /** A tiny model under some labels, with an adapter. */
  private record Model(Device device, Arena arena, Classifier classifier, LoraAdapter adapter)
      implements AutoCloseable {
    static Model open(String path, Labels labels, int threads, float dropout) {
      var device = Device.cpu(threads, Device.CpuVariant.available().getLast());
      var arena = Arena.ofShared();
      var classifier = TinyClassifier.load(path, labels, DType.F32, device, arena);
      var config = LoraConfig.defaults().withRank(4, 8).withDropout(dropout);
      var adapter = LoraAdapter.create(classifier, config, 7, arena);
      return new Model(device, arena, classifier, adapter);
    }

    TrainingResult train(ClassificationData rows, ClassificationData heldOut, TrainingPlan plan) {
      return Training.run(classifier, adapter, rows, Optional.of(heldOut), plan, step -> {});
    }

    float[] parameters() {
      return HostCopy.readFloats(adapter.parameters());
    }

    @Override
    public void close() {
      arena.close();
      device.close();
    }
  }

  /** Rows of 4 to 13 tokens: one of the tokens 10, 11, 12 several times, among others. */
  private static ClassificationData rows(Labels labels, int count, long seed) {
    var random = new Random(seed);
    List<ClassifierRow> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int label = random.nextInt(3);
      int[] ids = random.ints(4 + random.nextInt(10), 20, 90).toArray();
      for (int t = 1; t < ids.length; t += 2) {
        ids[t] = 10 + label;
      }
      rows.add(new ClassifierRow(ids, new int[ids.length], target(labels, label)));
    }
    return ClassificationData.of("random rows", labels, rows);
  }

  private static Target target(Labels labels, int label) {
    return switch (labels.problem()) {
      case SINGLE_LABEL -> new Target.Label(label);
      case MULTI_LABEL -> new Target.Values(label == 0 ? 1 : 0, label > 0 ? 1 : 0, 0);
      case REGRESSION -> new Target.Values(label - 1);
    };
  }

  private static float[] trained(
      int threads, float dropout, ClassificationData rows, TrainingPlan plan) {
    try (var model = Model.open(BERT, THREE, threads, dropout)) {
      var classifier = model.classifier;
      Training.run(classifier, model.adapter, rows, Optional.empty(), plan, step -> {});
      return model.parameters();
    }
  }

  @Test
  void rowsAreLearned() {
    var plan = PLAN.withEpochs(24);
    for (var path :
        List.of(BERT, "bare/tiny_roberta_mlm", "models/tiny_distilbert_cls", "models/tiny_llama")) {
      try (var model = Model.open(path, THREE, 2, 0)) {
        var result = model.train(rows(THREE, 48, 1), rows(THREE, 30, 2), plan);
        assertEquals(Metric.ACCURACY, result.metric());
        assertTrue(result.evaluations().getFirst().figure(Metric.ACCURACY) < 0.75, path);
        var kept = result.kept().orElseThrow();
        assertEquals(result.evaluation(), result.kept());
        assertEquals(1, kept.figure(Metric.ACCURACY), path);
        assertEquals(1, kept.figure(Metric.F1), path);
        var confusion = kept.confusion().orElseThrow();
        assertEquals(THREE.names(), confusion.names());
        assertEquals(
            30, confusion.count(0, 0) + confusion.count(1, 1) + confusion.count(2, 2), path);
      }
    }
  }

  @Test
  void labelsThatApplyTogetherAndNumbersHaveTheirOwnFigures() {
    var plan = PLAN.withEpochs(24);
    try (var model = Model.open(BERT, ANY, 2, 0)) {
      var result = model.train(rows(ANY, 48, 1), rows(ANY, 30, 2), plan);
      assertEquals(Metric.LOSS, result.metric());
      var kept = result.kept().orElseThrow();
      assertEquals(1, kept.figure(Metric.MICRO_F1));
      assertEquals(2 / 3.0, kept.figure(Metric.F1), "the third label never applies");
      assertEquals(Optional.empty(), kept.confusion());
    }
    var number = Labels.count(1);
    try (var model = Model.open(BERT, number, 2, 0)) {
      var result = model.train(rows(number, 48, 1), rows(number, 30, 2), plan);
      assertEquals(Metric.LOSS, result.metric());
      assertTrue(result.kept().orElseThrow().figure(Metric.PEARSON) > 0.9, result.toString());
      assertTrue(result.last().loss() < 0.1, result.toString());
    }
  }

  @Test
  void accumulatingEqualsOneBigBatch() {
    var rows = rows(THREE, 20, 1);
    var whole = trained(2, 0, rows, PLAN.withBatchSize(8));
    assertArrayEquals(whole, trained(2, 0, rows, PLAN.withBatchSize(2).withAccumulation(4)));
  }

  @Test
  void theCutIntoMicroBatchesDoesNotMatter() {
    var rows = rows(THREE, 20, 1);
    for (float dropout : new float[] {0, 0.3f}) {
      float[] whole = trained(2, dropout, rows, PLAN.withMicroBatchTokens(4096));
      for (int tokens : new int[] {1, 20, 50}) {
        float[] cut = trained(2, dropout, rows, PLAN.withMicroBatchTokens(tokens));
        assertArrayEquals(whole, cut, (float) TOLERANCE);
      }
    }
  }

  @Test
  void theSameSeedGivesTheSameBytesOnAnyNumberOfThreads() {
    var rows = rows(THREE, 20, 1);
    float[] first = trained(1, 0.1f, rows, PLAN);
    assertArrayEquals(first, trained(1, 0.1f, rows, PLAN));
    assertArrayEquals(first, trained(2, 0.1f, rows, PLAN));
    assertArrayEquals(first, trained(2, 0.1f, rows, PLAN.with(TrainingPlan.Recompute.ON)));
    assertFalse(Arrays.equals(first, trained(1, 0.1f, rows, PLAN.withSeed(43))));
  }

  @Test
  void anyFigureStopsTheRunAndChoosesTheBest() {
    for (Metric metric : List.of(Metric.ACCURACY, Metric.F1)) {
      var evaluation = new Evaluation(1, Optional.of(metric), 3, 0, Keep.BEST);
      try (var model = Model.open(BERT, THREE, 2, 0)) {
        var plan = PLAN.withSteps(200).with(evaluation);
        var result = model.train(rows(THREE, 48, 1), rows(THREE, 30, 2), plan);
        var kept = result.kept().orElseThrow();
        assertEquals(kept.step() + 3, result.last().number());
        for (Measurement other : result.evaluations()) {
          assertTrue(other.figure(metric) <= kept.figure(metric), result.toString());
        }
      }
    }
    try (var model = Model.open(BERT, THREE, 2, 0)) {
      var plan = PLAN.with(new Evaluation(0, Optional.of(Metric.PEARSON), 0, 0, Keep.BEST));
      var data = rows(THREE, 8, 1);
      var e = assertThrows(TrainingException.class, () -> model.train(data, data, plan));
      assertEquals(
          "The metric pearson is not measured in this run; loss, accuracy, f1 can be.",
          e.getMessage());
    }
  }

  @Test
  void everyFolderHoldsTheHeadAndTheLabels() throws IOException {
    for (var path : List.of(BERT, "bare/tiny_roberta_mlm", "models/tiny_llama")) {
      Path out = temporary.resolve(path);
      var plan = PLAN.with(new TrainingPlan.Output(Optional.of(out), 2, 0, false));
      try (var model = Model.open(path, THREE, 2, 0)) {
        model.train(rows(THREE, 20, 1), rows(THREE, 10, 2), plan);
        for (var name : List.of("checkpoint-2", "checkpoint-4", "")) {
          Path folder = out.resolve(name);
          assertEquals(Optional.of(THREE), LabelsFile.read(folder));
          var loaded = LoraAdapter.load(folder, model.classifier, model.arena);
          assertEquals(model.adapter.trained(), loaded.trained());
          if (name.isEmpty()) {
            assertArrayEquals(model.parameters(), HostCopy.readFloats(loaded.parameters()));
          }
        }
      }
      var header =
          new ObjectMapper().readTree(Files.readAllLines(out.resolve("metrics.jsonl")).getFirst());
      assertEquals("b", header.at("/labels/id2label/1").asString());
      assertEquals(10, header.at("/held_out/rows").asInt());
      assertEquals("accuracy", header.at("/evaluation/metric").asString());
    }
  }

  @Test
  void rowsOfAnotherModelAreRefused() {
    try (var model = Model.open(BERT, THREE, 2, 0)) {
      var config = model.classifier.config();
      refused(model, rows(ANY, 4, 1), "the labels [a, b, c] (multi_label_classification)");
      refused(model, row(new int[] {5, config.vocabulary()}), "row 1", "belongs to another model");
      refused(model, row(new int[config.contextLength() + 1]), "row 1", "the maximum length");
    }
  }

  private static ClassificationData row(int[] ids) {
    var row = new ClassifierRow(ids, new int[ids.length], new Target.Label(0));
    return ClassificationData.of("test", THREE, List.of(row));
  }

  private static void refused(Model model, ClassificationData data, String... parts) {
    var good = rows(THREE, 4, 1);
    for (var e :
        List.of(
            assertThrows(TrainingException.class, () -> model.train(data, good, PLAN)),
            assertThrows(TrainingException.class, () -> model.train(good, data, PLAN)))) {
      for (String part : parts) {
        assertTrue(e.getMessage().contains(part), e.getMessage());
      }
    }
  }
}
