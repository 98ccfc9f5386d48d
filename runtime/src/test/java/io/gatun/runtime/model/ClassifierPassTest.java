package io.gatun.runtime.model;

import static io.gatun.runtime.model.GoldenClassifier.flat;
import static io.gatun.runtime.model.StepOutcome.assertAlike;
import static io.gatun.runtime.model.StepOutcome.assertSameBits;
import static io.gatun.runtime.model.TensorFile.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.ops.Devices;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What must not change a classifier's gradients: how a step is cut, packed, recomputed, or spread
 * over threads; and that they are gradients. Dropout is the adapter's and, at all places where
 * their kind of model may have one, the bases'.
 */
class ClassifierPassTest {
  private static final List<String> MODELS =
      List.of(
          "models/tiny_bert_multilabel",
          "models/tiny_bert_cls",
          "models/tiny_distilbert_regression",
          "models/tiny_roberta_cls",
          "models/tiny_llama_cls");

  @TempDir static Path temporary;

  /** The models, whose configurations ask for dropout. */
  @BeforeAll
  static void writeModels() throws IOException {
    for (var model : MODELS) {
      TinyModel.writeWithDropout(model, temporary.resolve(model));
    }
  }

  /** How a step is run. */
  private record Way(WeightFormat base, DType compute, float dropout, int kept, boolean oneByOne) {

    /** In fp32. */
    static Way exact(float dropout, boolean oneByOne) {
      return new Way(WeightFormat.f32(), DType.F32, dropout, 2, oneByOne);
    }

    /** As adapters are trained: a 4-bit base, or one in fp32. */
    static Way of(DType compute, float dropout, int kept) {
      var base = compute == DType.BF16 ? WeightFormat.nf4() : WeightFormat.f32();
      return new Way(base, compute, dropout, kept, false);
    }
  }

  private static final Way PLAIN = Way.exact(0, false);

  private static StepOutcome run(Device device, String model, Way way, long seed, int... lengths) {
    try (Arena arena = Arena.ofConfined()) {
      var classifier = load(model, way.base(), way.compute(), way.dropout() > 0, device, arena);
      var adapter = TinyClassifier.adapter(classifier, way.dropout(), arena);
      var rows = TinyClassifier.rows(classifier, seed, lengths);
      var batches =
          way.oneByOne()
              ? rows.stream().map(row -> ClassifierBatch.pack(List.of(row))).toList()
              : List.of(ClassifierBatch.pack(rows));
      return step(classifier, adapter, way.kept(), batches, arena);
    }
  }

  private static Classifier load(
      String model, WeightFormat base, DType compute, boolean dropout, Device device, Arena arena) {
    var checkpoint = Checkpoint.open(temporary.resolve(model), arena);
    var loaded = Classifier.load(checkpoint, Labels.of(checkpoint), base, compute, device, arena);
    return dropout ? loaded : loaded.withoutDropout();
  }

  /** Blocks that are computed again have their weights decoded once. */
  private static StepOutcome step(
      Classifier classifier,
      LoraAdapter adapter,
      int kept,
      List<ClassifierBatch> batches,
      Arena arena) {
    int tokens = batches.stream().mapToInt(ClassifierBatch::tokens).max().orElseThrow();
    var model = classifier.decoded(classifier.config().layers() - kept, adapter, arena);
    var pass = ClassifierPass.allocate(model, adapter, tokens, kept, arena);
    var loss = Loss.ZERO;
    for (var batch : batches) {
      loss = loss.plus(pass.run(batch, 5, 1));
    }
    return new StepOutcome(loss.sum(), HostCopy.readFloats(pass.gradients().sum()));
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void accumulationEqualsOneBigBatch(Devices.Place place) {
    new TinyModel.Each(MODELS, place)
        .run((model, device, arena) -> {
          for (float dropout : new float[] {0, 0.3f}) {
            var together = Way.exact(dropout, false);
            var apart = Way.exact(dropout, true);
            assertAlike(
                model + " dropout " + dropout,
                run(device, model, together, 1, 13, 29, 7, 1, 20),
                run(device, model, apart, 1, 13, 29, 7, 1, 20));
          }
        });
  }

  /** More sequences than the head takes at a time. */
  @Test
  void headsWorkInChunks() {
    int[] lengths = IntStream.range(0, 300).map(i -> 1 + i % 3).toArray();
    var apart = Way.exact(0, true);
    var model = "models/tiny_bert_multilabel";
    try (Device device = Device.cpu()) {
      var expected = run(device, model, apart, 8, lengths);
      assertAlike(model, expected, run(device, model, PLAIN, 8, lengths));
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void recomputingBlocksAndDecodingOnceGiveTheSameBits(Devices.Place place) {
    new TinyModel.Each(MODELS, place)
        .run((model, device, arena) -> {
          for (var compute : List.of(DType.F32, DType.BF16)) {
            var kept = run(device, model, Way.of(compute, 0.3f, 2), 3, 13, 29);
            for (int blocks = 0; blocks < 2; blocks++) {
              var again = Way.of(compute, 0.3f, blocks);
              assertSameBits(model + " " + compute, kept, run(device, model, again, 3, 13, 29));
            }
          }
        });
  }

  @Test
  void runsAndThreadsGiveTheSameBits() {
    for (var model : MODELS) {
      for (var compute : List.of(DType.F32, DType.BF16)) {
        var two = onCpu(2, compute, model);
        for (int threads = 1; threads <= 2; threads++) {
          assertSameBits(compute + " with " + threads, two, onCpu(threads, compute, model));
        }
      }
    }
  }

  private static StepOutcome onCpu(int threads, DType compute, String model) {
    try (Device device = Device.cpu(threads, CpuVariant.available().getLast())) {
      return run(device, model, Way.of(compute, 0.1f, 2), 4, 31, 29, 40, 3);
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void bf16IsNearF32(Devices.Place place) {
    var bf16 = new Way(WeightFormat.bf16(), DType.BF16, 0, 2, false);
    new TinyModel.Each(MODELS, place)
        .run((model, device, arena) -> {
          var exact = run(device, model, PLAIN, 5, 31, 29, 40);
          var rounded = run(device, model, bf16, 5, 31, 29, 40);
          double loss = Golden.tolerance("bf16.loss") * exact.loss();
          assertEquals(exact.loss(), rounded.loss(), loss, model);
          assertClose(
              model,
              exact.gradients(),
              rounded.gradients(),
              Golden.tolerance("bf16.gradient.relative") * TensorFile.max(exact.gradients()));
        });
  }

  /**
   * (L(p + h g) - L(p - h g)) / 2h = |g|², along the gradient g of all parameters, head and all.
   * The rows are such that no unit of a ReLU changes sides on the way, and the loss bends little.
   */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void finiteDifferences(Devices.Place place) {
    new TinyModel.Each(MODELS, place)
        .run((model, device, arena) -> {
          for (float dropout : new float[] {0, 0.3f}) {
            for (var base : List.of(WeightFormat.f32(), WeightFormat.nf4())) {
              var classifier = load(model, base, DType.F32, dropout > 0, device, arena);
              var adapter = TinyClassifier.adapter(classifier, dropout, arena);
              var rows = TinyClassifier.rows(classifier, 20, 13, 29, 7);
              checkDifferences(model + base, classifier, adapter, rows, arena);
            }
          }
        });
  }

  private static void checkDifferences(
      String what,
      Classifier classifier,
      LoraAdapter adapter,
      List<ClassifierRow> rows,
      Arena arena) {
    var batches = List.of(ClassifierBatch.pack(rows));
    var gradient = step(classifier, adapter, 2, batches, arena).gradients();
    float[] parameters = HostCopy.readFloats(adapter.parameters());
    double square = 0;
    for (float g : gradient) {
      square += (double) g * g;
    }
    double h = Golden.tolerance("finite.step") / Math.sqrt(square);
    double[] loss = new double[2];
    for (int side = 0; side < 2; side++) {
      float[] moved = parameters.clone();
      for (int i = 0; i < moved.length; i++) {
        moved[i] += (float) ((side == 0 ? h : -h) * gradient[i]);
      }
      HostCopy.write(adapter.parameters(), moved);
      loss[side] = step(classifier, adapter, 2, batches, arena).loss();
    }
    assertEquals(
        square, (loss[0] - loss[1]) / (2 * h), Golden.tolerance("finite.relative") * square, what);
  }

  /** A sequence's logits do not depend on what it is packed with. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void neighboursChangeNothing(Devices.Place place) {
    new TinyModel.Each(MODELS, place)
        .run((model, device, arena) -> {
          var classifier = TinyClassifier.load(model, DType.F32, device, arena);
          var adapter = TinyClassifier.adapter(classifier, 0, arena);
          var rows = TinyClassifier.rows(classifier, 9, 13, 1, 29, 7);
          var pass = PredictPass.allocate(classifier, List.of(adapter), 50, arena);
          var together = pass.run(ClassifierBatch.pack(rows), Optional.of(adapter));
          for (int i = 0; i < rows.size(); i++) {
            var alone = pass.run(ClassifierBatch.pack(List.of(rows.get(i))), Optional.of(adapter));
            assertClose(
                model + " row " + i,
                together.logits().get(i),
                flat(alone.logits()),
                Golden.tolerance("logits"));
          }
        });
  }

  /** Which leaves nothing out: the adapter's alone, the base's alone, or none. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void eachDropoutActsOnItsOwn(Devices.Place place) {
    new TinyModel.Each(MODELS, place)
        .run((model, device, arena) -> {
          var dropping = load(model, WeightFormat.f32(), DType.F32, true, device, arena);
          var losses = new HashSet<Double>();
          for (var classifier : List.of(dropping, dropping.withoutDropout())) {
            for (float dropout : new float[] {0, 0.3f}) {
              var adapter = TinyClassifier.adapter(classifier, dropout, arena);
              var batch = ClassifierBatch.pack(TinyClassifier.rows(classifier, 2, 9, 14));
              var outcome = step(classifier, adapter, 2, List.of(batch), arena);
              assertTrue(losses.add(outcome.loss()), model);
            }
          }
        });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#cpuAndCuda")
  void evaluationAndPredictionTakeNoDropout(Devices.Place place) {
    new TinyModel.Each(MODELS, place)
        .run((model, device, arena) -> {
          var classifier = load(model, WeightFormat.f32(), DType.F32, true, device, arena);
          var adapter = TinyClassifier.adapter(classifier, 0.5f, arena);
          var batch = ClassifierBatch.pack(TinyClassifier.rows(classifier, 2, 9, 14));
          var pass = ClassifierPass.allocate(classifier, adapter, 23, 0, arena);
          var result =
              PredictPass.allocate(classifier, List.of(adapter), 23, arena)
                  .run(batch, Optional.of(adapter));
          var evaluated = pass.evaluate(batch);
          assertEquals(result.loss(), evaluated.loss());
          assertArrayEquals(flat(result.logits()), flat(evaluated.logits()));
          assertTrue(result.loss().sum() != pass.run(batch, 1, 1).sum());
          assertEquals(2, result.loss().weight());
        });
  }
}
