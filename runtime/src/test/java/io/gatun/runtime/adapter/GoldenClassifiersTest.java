package io.gatun.runtime.adapter;

import static io.gatun.runtime.model.GoldenClassifier.flat;
import static io.gatun.runtime.model.TensorFile.assertClose;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Devices;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.ClassifierBatch;
import io.gatun.runtime.model.ClassifierPass;
import io.gatun.runtime.model.ClassifierRow;
import io.gatun.runtime.model.GoldenClassifier;
import io.gatun.runtime.model.GoldenModelsTest;
import io.gatun.runtime.model.HeadLayer;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.PredictPass;
import io.gatun.runtime.model.TensorFile;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Classifiers of transformers and their adapters of PEFT, heads included: logits, loss, every
 * gradient, weights after one and five steps of AdamW, merged weights.
 */
class GoldenClassifiersTest {
  @TempDir Path folder;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#variantsAndCuda")
  void models(Devices.Place place) {
    Golden.folders("models", "config.json")
        .where(GoldenModelsTest::isClassifier)
        .on(place)
        .sparing(GoldenModelsTest::architecture)
        .run((c, device, arena) -> {
          var io = new TensorFile(c.file("io.safetensors"), arena);
          var checkpoint = Checkpoint.open(c.path(), arena);
          var golden = GoldenClassifier.of(io, checkpoint, Labels.of(checkpoint).size());
          var exact = load(checkpoint, golden, WeightFormat.f32(), DType.F32, device, arena);
          var result = predict(exact, Optional.empty(), golden, arena);
          compare("logits", io, result, "logits");
          double loss = io.floats("loss")[0];
          assertEquals(loss, result.loss().mean(), Golden.tolerance("loss"), "loss");
          var rounded = load(checkpoint, golden, WeightFormat.bf16(), DType.BF16, device, arena);
          var near = predict(rounded, Optional.empty(), golden, arena);
          compare("logits", io, near, "bf16.logits");
        });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#variantsAndCuda")
  void peft(Devices.Place place) {
    Golden.folders("peft", "adapter_config.json")
        .where(GoldenAdaptersTest::isClassifier)
        .on(place)
        .sparing(GoldenAdaptersTest::architecture)
        .run(this::check);
  }

  /** Losses in training, under masks of ours in the places where transformers drops. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#variantsAndCuda")
  void dropout(Devices.Place place) {
    Golden.files("dropout", "*.json")
        .on(place)
        .run((c, device, arena) -> {
          var json = GoldenAdaptersTest.json(c.path());
          Path folder = c.resolve(json.path("adapter").asString(""));
          var base = GoldenAdaptersTest.base(c, folder);
          var io = new TensorFile(folder.resolve("io.safetensors"), arena);
          var checkpoint = Checkpoint.open(base, arena);
          int count = Math.toIntExact(io.shape("logits").get(1));
          var golden = GoldenClassifier.of(io, checkpoint, count);
          var model = load(checkpoint, golden, WeightFormat.f32(), DType.F32, device, arena);
          var adapter = LoraAdapter.load(folder, model, arena);
          var batch = ClassifierBatch.pack(placed(golden.rows()));
          var pass = ClassifierPass.allocate(model, adapter, batch.tokens(), 0, arena);
          for (int step = 1; step <= json.path("losses").size(); step++) {
            double loss = pass.run(batch, json.path("seed").asLong(), step).mean();
            double expected = json.path("losses").path(step - 1).asDouble();
            assertEquals(expected, loss, Golden.tolerance("loss"), "loss " + step);
          }
        });
  }

  /** Each row behind the one before. */
  private static List<ClassifierRow> placed(List<ClassifierRow> rows) {
    var placed = new ArrayList<ClassifierRow>();
    int first = 0;
    for (var row : rows) {
      placed.add(row.from(first));
      first += row.ids().length;
    }
    return placed;
  }

  private void check(Golden.Case c, Device device, Arena arena) {
    var io = new TensorFile(c.file("io.safetensors"), arena);
    var checkpoint = Checkpoint.open(GoldenAdaptersTest.base(c), arena);
    int count = Math.toIntExact(io.shape("logits").get(1));
    var golden = GoldenClassifier.of(io, checkpoint, count);
    var classifier = load(checkpoint, golden, WeightFormat.f32(), DType.F32, device, arena);
    var adapter = LoraAdapter.load(c.path(), classifier, arena);

    compare("logits", io, predict(classifier, Optional.of(adapter), golden, arena), "logits");
    var merged = classifier.merged(adapter, WeightFormat.f32(), arena);
    compare("logits", io, predict(merged, Optional.empty(), golden, arena), "merged");
    var written = written(checkpoint, adapter, arena);
    for (var tensor : io.names()) {
      if (tensor.startsWith("merged.")) {
        float[] ours = written.readFloats(tensor.substring("merged.".length()));
        assertClose(tensor, io.floats(tensor), ours, Golden.tolerance("merged"));
      }
    }
    var again =
        Classifier.load(written, Labels.of(written), WeightFormat.f32(), DType.F32, device, arena);
    assertEquals(golden.labels(), again.config().labels());
    compare("logits", io, predict(again, Optional.empty(), golden, arena), "merged");
    checkTraining(classifier.withoutDropout(), adapter, golden, io, arena);
  }

  private Checkpoint written(Checkpoint base, LoraAdapter adapter, Arena arena) {
    new MergedModel(base, WeightFormat.f32(), adapter, DType.F32)
        .write(folder, MergedModel.SHARD_BYTES);
    return Checkpoint.open(folder, arena);
  }

  private static Classifier load(
      Checkpoint checkpoint,
      GoldenClassifier golden,
      WeightFormat format,
      DType compute,
      Device device,
      Arena arena) {
    return Classifier.load(checkpoint, golden.labels(), format, compute, device, arena);
  }

  private static PredictPass.Result predict(
      Classifier classifier, Optional<LoraAdapter> adapter, GoldenClassifier golden, Arena arena) {
    var adapters = adapter.stream().toList();
    return PredictPass.allocate(classifier, adapters, golden.batch().tokens(), arena)
        .run(golden.batch(), adapter);
  }

  private static void compare(
      String name, TensorFile io, PredictPass.Result result, String tolerance) {
    assertClose(name, io.floats(name), flat(result.logits()), Golden.tolerance(tolerance));
  }

  private static void checkTraining(
      Classifier classifier,
      LoraAdapter adapter,
      GoldenClassifier golden,
      TensorFile io,
      Arena arena) {
    int layers = classifier.config().layers();
    var pass = ClassifierPass.allocate(classifier, adapter, golden.batch().tokens(), layers, arena);
    var moments = new GoldenAdaptersTest.Moments(adapter, arena);
    double[] losses = io.doubles("losses");
    for (int step = 1; step <= losses.length; step++) {
      pass.gradients().zero();
      var loss = pass.run(golden.batch(), 0, step);
      assertEquals(losses[step - 1], loss.mean(), Golden.tolerance("loss"), "loss " + step);
      float scale = (float) (1 / loss.weight());
      if (step == 1) {
        GoldenAdaptersTest.checkGradients(
            adapter, pass.gradients(), scale, "gradient.relative", io);
        checkHeadGradients(adapter, pass.gradients(), scale, io);
      }
      moments.step(adapter, pass.gradients(), step, scale);
      if (step == 1 || step == 5) {
        GoldenAdaptersTest.checkWeights(adapter, io, "step" + step + ".");
        checkHead(adapter, io, "step" + step + ".");
      }
    }
  }

  /** PEFT's name of a tensor in memory: modules_to_save stands behind the module it wraps. */
  private static String name(TensorFile io, String prefix, HeadLayer layer, String tensor) {
    String plain = prefix + "base_model.model." + layer.path() + "." + tensor;
    return io.names().stream()
        .filter(name -> name.replace(".modules_to_save", "").equals(plain))
        .findFirst()
        .orElseThrow(() -> new AssertionError("the case has no " + plain));
  }

  private static void checkHeadGradients(
      LoraAdapter adapter, AdapterGradients gradients, float scale, TensorFile io) {
    for (var layer : adapter.trained()) {
      String weight = name(io, "grad.", layer, "weight");
      Matrix own = gradients.weight(layer);
      GoldenAdaptersTest.checkGradient(weight, own, scale, "gradient.relative", io);
      gradients
          .bias(layer)
          .ifPresent(bias ->
              GoldenAdaptersTest.checkGradient(
                  name(io, "grad.", layer, "bias"), bias, scale, "gradient.relative", io));
    }
  }

  private static void checkHead(LoraAdapter adapter, TensorFile io, String prefix) {
    double tolerance = Golden.tolerance("step");
    for (var layer : adapter.trained()) {
      var own = adapter.trained(layer).orElseThrow();
      for (var tensor : own.bias().isPresent() ? List.of("weight", "bias") : List.of("weight")) {
        String name = name(io, prefix, layer, tensor);
        var values = tensor.equals("bias") ? own.bias().orElseThrow() : (Matrix) own.weight();
        GoldenAdaptersTest.checkWeight(name, values, tolerance, io);
      }
    }
  }
}
