package io.gatun.runtime.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.quant.Golden;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.quant.checkpoint.SafetensorsWriter;
import io.gatun.quant.checkpoint.TensorData;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.ClassifierConfig;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.TinyClassifier;
import io.gatun.runtime.model.TinyModel;
import io.gatun.runtime.model.UnsupportedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.ObjectMapper;

/** An adapter keeps the head of its classifier, whatever happens to its folder. */
class ClassifierAdapterTest {
  private static final Labels THREE = Labels.of("a", "b", "c");

  @TempDir Path folder;

  private static void with(String path, Labels labels, BiConsumer<Classifier, Arena> test) {
    try (Device device = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      test.accept(TinyClassifier.load(path, labels, DType.F32, device, arena), arena);
    }
  }

  @Test
  void savedIsLoadedBitForBit() {
    for (var path :
        List.of(
            "bare/tiny_bert",
            "bare/tiny_roberta_mlm",
            "models/tiny_distilbert_cls",
            "models/tiny_bert_cls",
            "models/tiny_llama",
            "models/tiny_llama_cls")) {
      with(
          path,
          THREE,
          (classifier, arena) -> {
            var adapter = TinyClassifier.adapter(classifier, 0.1f, arena);
            adapter.save(folder);
            var loaded = LoraAdapter.load(folder, classifier, arena);
            assertArrayEquals(
                HostCopy.readFloats(adapter.parameters()),
                HostCopy.readFloats(loaded.parameters()),
                path);
            assertEquals(adapter.trained(), loaded.trained());
            assertEquals(adapter.layers(), loaded.layers());
            assertEquals(THREE, LabelsFile.read(folder).orElseThrow());
            assertFalse(adapter.hasNoEffect());
          });
    }
  }

  @Test
  void namesWhatAReaderMustTakeFromTheAdapter() {
    var expected =
        Map.of(
            "bare/tiny_bert", List.of("classifier", "score", "bert.pooler.dense"),
            "bare/tiny_roberta_mlm", List.of("classifier", "score"),
            "models/tiny_distilbert_cls", List.of("classifier", "score"));
    expected.forEach((path, names) ->
        with(
            path,
            THREE,
            (classifier, arena) -> {
              var adapter = TinyClassifier.adapter(classifier, 0, arena);
              assertEquals(names, adapter.config().modulesToSave(), path);
              var text = AdapterConfigText.of(adapter.config(), adapter.base());
              assertTrue(text.contains("\"task_type\": \"SEQ_CLS\""), text);
            }));
  }

  @Test
  void aNewHeadBeginsByTheSeed() {
    with(
        "bare/tiny_bert",
        THREE,
        (classifier, arena) -> {
          var one = LoraAdapter.create(classifier, LoraConfig.defaults(), 1, arena);
          var again = LoraAdapter.create(classifier, LoraConfig.defaults(), 1, arena);
          var other = LoraAdapter.create(classifier, LoraConfig.defaults(), 2, arena);
          var pooler = one.trained().getFirst();
          float[] weights = weights(one);
          assertArrayEquals(weights, weights(again));
          assertFalse(java.util.Arrays.equals(weights, weights(other)));
          double squares = 0;
          for (float w : weights) {
            squares += (double) w * w;
          }
          double deviation = classifier.config().initializerRange();
          assertEquals(deviation, Math.sqrt(squares / weights.length), deviation / 10);
          var bias = one.trained(pooler).orElseThrow().bias().orElseThrow();
          assertArrayEquals(new float[32], HostCopy.readFloats(bias));
          assertEquals("bert.pooler.dense", pooler.path());
        });
  }

  private static float[] weights(LoraAdapter adapter) {
    var first = adapter.trained().getFirst();
    return HostCopy.readFloats((Matrix) adapter.trained(first).orElseThrow().weight());
  }

  @Test
  void aStoredHeadIsWhereTrainingBegins() {
    with(
        "models/tiny_bert_cls",
        THREE,
        (classifier, arena) -> {
          var adapter = LoraAdapter.create(classifier, LoraConfig.defaults(), 1, arena);
          var stored = classifier.stored(adapter.trained().getFirst()).orElseThrow();
          assertArrayEquals(HostCopy.readFloats((Matrix) stored.weight()), weights(adapter));
          assertEquals(List.of("classifier"), paths(adapter));
          long lora = adapter.layers().stream().mapToLong(AdaptedLayer::parameters).sum();
          assertEquals(lora + 3 * 64 + 3, adapter.parameterCount());
        });
  }

  private static List<String> paths(LoraAdapter adapter) {
    return adapter.trained().stream().map(layer -> layer.path()).toList();
  }

  @Test
  void refusesAnAdapterForOtherLabels() {
    with(
        "bare/tiny_bert",
        THREE,
        (classifier, arena) -> TinyClassifier.adapter(classifier, 0, arena).save(folder));
    refused("bare/tiny_bert", Labels.of("a", "c", "b"), "the adapter tells [a, b, c] apart");
    delete(LabelsFile.NAME);
    refused(
        "bare/tiny_bert",
        Labels.of("no", "yes"),
        "classifier.weight is [3, 32]; a head for [no, yes] needs [2, 32]");
  }

  private void refused(String path, Labels labels, String sentence) {
    with(
        path,
        labels,
        (classifier, arena) -> {
          var problem =
              assertThrows(
                  CheckpointException.class, () -> LoraAdapter.load(folder, classifier, arena));
          assertTrue(problem.getMessage().contains(sentence), problem.getMessage());
        });
  }

  private void delete(String name) {
    try {
      Files.delete(folder.resolve(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void refusesAnAdapterWithoutHead() {
    with(
        "models/tiny_bert_cls",
        THREE,
        (classifier, arena) -> {
          TinyClassifier.adapter(classifier, 0, arena).save(folder);
          Path file = folder.resolve(AdapterFile.NAME);
          var stored = Checkpoint.open(file, arena);
          var kept =
              stored.names().stream()
                  .filter(name -> !name.contains("classifier"))
                  .map(name -> {
                    float[] values = stored.readFloats(name);
                    return TensorData.floats(name, stored.info(name).shape(), () -> values);
                  })
                  .toList();
          SafetensorsWriter.write(file, Map.of(), kept);
        });
    refused(
        "models/tiny_bert_cls",
        THREE,
        "classifier.weight is missing; a head for [a, b, c] needs [3, 64]");
  }

  @Test
  void adaptersOfOneTaskAreNotForTheOther() {
    try (Device device = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      var decoder = TinyModel.load("tiny_llama", DType.F32, device, arena);
      var classifier = TinyClassifier.load("models/tiny_llama", THREE, DType.F32, device, arena);
      TinyModel.adapter(decoder, 0, arena).save(folder);
      var generates =
          assertThrows(
              UnsupportedException.class, () -> LoraAdapter.load(folder, classifier, arena));
      assertTrue(generates.getMessage().contains("for the task CAUSAL_LM"));
      TinyClassifier.adapter(classifier, 0, arena).save(folder);
      var classifies =
          assertThrows(UnsupportedException.class, () -> LoraAdapter.load(folder, decoder, arena));
      assertTrue(classifies.getMessage().contains("for the task SEQ_CLS"));
    }
  }

  @Test
  void writesWhatPeftWrites() {
    Golden.folders("peft", "adapter_config.json")
        .where(GoldenAdaptersTest::isClassifier)
        .run(c -> {
          try (Arena arena = Arena.ofConfined()) {
            var json = new ObjectMapper().readTree(Files.readString(c.file("adapter_config.json")));
            var path = c.resolve(json.path("base_model_name_or_path").asString(""));
            var base = ClassifierConfig.of(Checkpoint.open(path, arena), labels(c, arena));
            String ours = AdapterConfigText.of(AdapterConfigFile.parse(json, base), base);
            assertEquals(json, new ObjectMapper().readTree(ours));
          }
        });
  }

  private static Labels labels(Golden.Case c, Arena arena) {
    var io = Checkpoint.open(c.file("io.safetensors"), arena);
    return Labels.count(Math.toIntExact(io.info("logits").shape().get(1)));
  }

  @Test
  void refusesWhatCannotBeTrainedOrAdapted() {
    with(
        "models/tiny_distilbert_cls",
        THREE,
        (classifier, arena) -> {
          var head = LoraConfig.defaults().withTargets(ModuleFilter.names("pre_classifier"));
          var whole =
              assertThrows(
                  IllegalArgumentException.class,
                  () -> LoraAdapter.create(classifier, head, 1, arena));
          assertTrue(whole.getMessage().contains("which is trained whole"), whole.getMessage());
          var inside = LoraConfig.defaults().withModulesToSave(List.of("lin2"));
          var layer =
              assertThrows(
                  UnsupportedException.class,
                  () -> LoraAdapter.create(classifier, inside, 1, arena));
          assertTrue(
              layer.getMessage().contains("only the layers of a classifier's head"),
              layer.getMessage());
          var base = classifier.config();
          var none = new ObjectMapper().readTree("{\"peft_type\": \"LORA\"}");
          var noDefault =
              assertThrows(
                  IllegalArgumentException.class, () -> AdapterConfigFile.parse(none, base));
          assertTrue(noDefault.getMessage().contains("q_lin"), noDefault.getMessage());
        });
  }

  /** An adapter whose configuration does not keep a head that the base does not have. */
  @Test
  void refusesToLoseANewHead() {
    with(
        "bare/tiny_bert",
        THREE,
        (classifier, _) -> {
          var config = LoraConfig.defaults().withModulesToSave(List.of("classifier"));
          var problem =
              assertThrows(
                  IllegalArgumentException.class,
                  () -> TrainedModules.select(config, classifier.config()));
          assertTrue(
              problem.getMessage().contains("no weights for bert.pooler.dense"),
              problem.getMessage());
        });
  }
}
