package io.gatun.runtime.model;

import static io.gatun.runtime.model.GoldenClassifier.flat;
import static io.gatun.runtime.model.TensorFile.assertClose;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.WeightLoader;
import io.gatun.quant.checkpoint.BnbCodec;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.quant.checkpoint.SafetensorsWriter;
import io.gatun.quant.checkpoint.TensorData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a classifier is loaded from, and what it refuses. */
class ClassifierTest {
  private static final Labels THREE = Labels.of("a", "b", "c");

  @TempDir Path folder;

  private static void with(String path, Labels labels, BiConsumer<Classifier, Arena> test) {
    try (Device device = Device.cpu()) {
      try (Arena arena = Arena.ofConfined()) {
        test.accept(TinyClassifier.load(path, labels, DType.F32, device, arena), arena);
      }
      assertEquals(0, device.memory().allocated());
    }
  }

  private static float[] logits(Classifier classifier, List<ClassifierRow> rows, Arena arena) {
    var batch = ClassifierBatch.pack(rows);
    var pass = PredictPass.allocate(classifier, List.of(), batch.tokens(), arena);
    return flat(pass.run(batch, Optional.empty()).logits());
  }

  @Test
  void whatTheFilesDoNotHaveIsNew() {
    var expected =
        Map.of(
            "bare/tiny_bert", List.of("bert.pooler.dense", "classifier"),
            "bare/tiny_roberta_mlm", List.of("classifier.dense", "classifier.out_proj"),
            "models/tiny_llama", List.of("score"),
            "models/tiny_bert_cls", List.<String>of());
    expected.forEach((path, modules) ->
        with(
            path,
            THREE,
            (classifier, _) -> assertEquals(modules, classifier.config().newModules(), path)));
  }

  @Test
  void aNewHeadNeedsAnAdapter() {
    with(
        "bare/tiny_bert",
        THREE,
        (classifier, arena) -> {
          var rows = TinyClassifier.rows(classifier, 1, 5);
          var problem =
              assertThrows(IllegalArgumentException.class, () -> logits(classifier, rows, arena));
          assertTrue(
              problem.getMessage().startsWith("bert.pooler.dense is new"), problem.getMessage());
          var adapter = TinyClassifier.adapter(classifier, 0, arena);
          var pass = PredictPass.allocate(classifier, List.of(adapter), 5, arena);
          var result = pass.run(ClassifierBatch.pack(rows), Optional.of(adapter));
          assertEquals(3, result.logits().getFirst().length);
        });
  }

  @Test
  void readsTheLastTokenThatIsNoPadding() {
    with(
        "models/tiny_llama_cls",
        THREE,
        (classifier, arena) -> {
          var plain = ClassifierRow.unlabelled(new int[] {5, 6, 7}, new int[3]);
          var padded = ClassifierRow.unlabelled(new int[] {5, 6, 7, 0, 0}, new int[5]);
          var onlyPadding = ClassifierRow.unlabelled(new int[] {0, 0}, new int[2]);
          float[] all = logits(classifier, List.of(plain, padded, onlyPadding), arena);
          assertClose(
              "logits",
              Arrays.copyOfRange(all, 0, 3),
              Arrays.copyOfRange(all, 3, 6),
              Golden.tolerance("logits"));
          assertEquals(9, all.length);
        });
  }

  @Test
  void refusesAHeadForOtherLabels() {
    var problem =
        assertThrows(
            CheckpointException.class,
            () -> with("models/tiny_bert_cls", Labels.of("no", "yes"), (_, _) -> {}));
    assertTrue(
        problem.getMessage().contains("its head classifier is for 3 labels ([3, 64]), not for 2"),
        problem.getMessage());
  }

  @Test
  void refusesOtherTasksAndTypes() {
    copy("models/tiny_bert_cls", json -> json.replace("SequenceClass", "TokenClass"), Map.of());
    try (Device device = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      var tokens = Checkpoint.open(folder, arena);
      var task =
          assertThrows(
              UnsupportedException.class,
              () -> Classifier.load(tokens, THREE, WeightFormat.f32(), DType.F32, device, arena));
      assertTrue(task.getMessage().contains("BertForTokenClassification"), task.getMessage());
      assertThrows(
          IllegalArgumentException.class,
          () -> TinyClassifier.load("models/tiny_bert_cls", DType.F16, device, arena));
    }
  }

  @Test
  void allProblemsInOneException() {
    var tensors = new ArrayList<TensorData>();
    try (Arena arena = Arena.ofConfined()) {
      var source = Checkpoint.open(Golden.file("models/tiny_bert_cls"), arena);
      for (var name : source.names()) {
        if (!name.equals("classifier.bias") && !name.equals("bert.embeddings.LayerNorm.bias")) {
          tensors.add(
              TensorData.floats(name, source.info(name).shape(), () -> source.readFloats(name)));
        }
      }
      tensors.add(TensorData.floats("bert.encoder.extra", List.of(1L), () -> new float[1]));
      tensors.add(TensorData.floats("cls.predictions.bias", List.of(1L), () -> new float[1]));
      tensors.add(TensorData.floats("classifier.more", List.of(1L), () -> new float[1]));
      copy("models/tiny_bert_cls", json -> json, Map.of());
      SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of(), tensors);
      var broken = Checkpoint.open(folder, arena);
      try (Device device = Device.cpu()) {
        var problem =
            assertThrows(
                CheckpointException.class,
                () -> Classifier.load(broken, THREE, WeightFormat.f32(), DType.F32, device, arena));
        assertEquals(
            List.of(
                "tensor bert.embeddings.LayerNorm.bias is missing",
                "tensor classifier.bias is missing",
                "tensor bert.encoder.extra is not part of this model",
                "tensor classifier.more is not part of this model"),
            problem.problems());
      }
    }
  }

  /** Copies a config.json, changed, and writes tensors beside it. */
  private void copy(
      String from, Function<String, String> config, Map<String, List<TensorData>> tensors) {
    try {
      var source = Golden.file(from);
      var text = Files.readString(source.resolve("config.json"));
      Files.writeString(folder.resolve("config.json"), config.apply(text));
      if (tensors.isEmpty()) {
        Files.copy(source.resolve("model.safetensors"), folder.resolve("model.safetensors"));
      }
      tensors.forEach(
          (file, data) -> SafetensorsWriter.write(folder.resolve(file), Map.of(), data));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * A bitsandbytes checkpoint in which every linear layer is in 4 bit, pooler and classifier too,
   * against the same values in fp32.
   */
  @Test
  void headsStoredInFourBit() {
    try (Device device = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      var source = Checkpoint.open(Golden.file("models/tiny_bert_cls"), arena);
      try (var loader = new WeightLoader(source, device, arena)) {
        var tensors = new ArrayList<TensorData>();
        for (var name : source.names()) {
          if (source.info(name).shape().size() == 2 && !name.contains("embeddings")) {
            var weight = (Nf4Matrix) loader.weight(List.of(name), WeightFormat.nf4());
            tensors.addAll(BnbCodec.tensors(name, weight.bands().getFirst()));
          } else {
            tensors.add(
                TensorData.floats(name, source.info(name).shape(), () -> source.readFloats(name)));
          }
        }
        copy("models/tiny_bert_cls", json -> json, Map.of("model.safetensors", tensors));
        var fourBit = Checkpoint.open(folder, arena);
        var quantized =
            Classifier.load(fourBit, THREE, WeightFormat.nf4(), DType.F32, device, arena);
        var decoded = Classifier.load(fourBit, THREE, WeightFormat.f32(), DType.F32, device, arena);
        assertTrue(quantized.stored(quantized.config().head().get(1)).isPresent());
        var rows = TinyClassifier.rows(quantized, 4, 9, 21, 3);
        assertClose(
            "logits",
            logits(decoded, rows, arena),
            logits(quantized, rows, arena),
            Golden.tolerance("qlora.logits"));
        var adapter = TinyClassifier.adapter(quantized, 0, arena);
        assertEquals(2, adapter.config().modulesToSave().size());
        assertEquals("classifier", adapter.trained().getFirst().path());
      }
    }
  }

  @Test
  void refusesSequencesThatDoNotFit() {
    with(
        "models/tiny_bert_multilabel",
        new Labels(List.of("joy", "anger", "fear", "surprise"), Problem.MULTI_LABEL),
        (classifier, arena) -> {
          var values = new Target.Values(0, 1, 0, 1);
          assertRefused(classifier, arena, "positions for 40", 41, 0, 0, values);
          assertRefused(classifier, arena, "the token 96", 3, 96, 0, values);
          assertRefused(classifier, arena, "the token type 2", 3, 1, 2, values);
          assertRefused(
              classifier, arena, "needs a value for each of [joy", 3, 1, 0, new Target.Label(1));
          assertRefused(
              classifier, arena, "has the value 1.5", 3, 1, 0, new Target.Values(0, 1, 1.5f, 0));
          assertRefused(
              classifier, arena, "the value NaN", 3, 1, 0, new Target.Values(0, 0, 0, Float.NaN));
          assertRefused(classifier, arena, "is 2 values", 3, 1, 0, new Target.Values(0, 1));
        });
    with(
        "models/tiny_bert_cls",
        THREE,
        (classifier, arena) -> {
          assertRefused(classifier, arena, "the label 3", 3, 1, 0, new Target.Label(3));
          assertRefused(
              classifier, arena, "needs one label of [a, b, c]", 3, 1, 0, new Target.Values(1));
        });
    assertThrows(IllegalArgumentException.class, () -> ClassifierBatch.pack(List.of()));
    assertThrows(
        IllegalArgumentException.class, () -> ClassifierRow.unlabelled(new int[2], new int[1]));
  }

  private static void assertRefused(
      Classifier classifier,
      Arena arena,
      String sentence,
      int length,
      int token,
      int type,
      Target target) {
    int[] ids = new int[length];
    int[] types = new int[length];
    Arrays.fill(ids, token);
    Arrays.fill(types, type);
    var batch = ClassifierBatch.pack(List.of(new ClassifierRow(ids, types, target)));
    var pass = PredictPass.allocate(classifier, List.of(), length, arena);
    var problem =
        assertThrows(IllegalArgumentException.class, () -> pass.run(batch, Optional.empty()));
    assertTrue(problem.getMessage().contains(sentence), problem.getMessage());
  }
}
