package io.gatun.runtime.predict;

import static io.gatun.runtime.model.TensorFile.assertClose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.quant.Golden;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.cli.TinyModel;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.ClassifierBatch;
import io.gatun.runtime.model.ClassifierRow;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.PredictPass;
import io.gatun.runtime.model.TinyClassifier;
import io.gatun.runtime.text.Tokenizer;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Texts in, predictions out, in whatever batches they run. */
class PredictorTest {
  private static final List<Input> INPUTS =
      List.of(
          Input.of("a cat"),
          Input.pair("is it raining?", "no, the sun is out"),
          Input.of("x"),
          Input.of("jumps over the lazy dog"),
          Input.pair("one", "two"),
          Input.of("Hello, world!"));

  @TempDir Path folder;

  /** A classifier of the golden folder, with what a test needs of it. */
  private record Tiny(Classifier classifier, Tokenizer tokenizer, Device device, Arena arena) {
    Predictor predictor() {
      return Predictor.of(classifier, tokenizer);
    }

    /** The score of one row by a pass of its own. */
    float[] scores(int[] ids, int[] typeIds) {
      try (Arena own = Arena.ofConfined()) {
        var batch = ClassifierBatch.pack(List.of(ClassifierRow.unlabelled(ids, typeIds)));
        return PredictPass.allocate(classifier, List.of(), ids.length, own)
            .run(batch, Optional.empty())
            .probabilities()
            .getFirst();
      }
    }
  }

  @FunctionalInterface
  private interface Check {
    void run(Tiny tiny) throws Exception;
  }

  private void with(String name, Check check) throws Exception {
    var files = TinyModel.writeClassifier(name, folder.resolve(name));
    try (Device device = Device.cpu()) {
      try (Arena arena = Arena.ofShared();
          var tokenizer = Tokenizer.load(files)) {
        var checkpoint = Checkpoint.open(files, arena);
        var labels = Labels.of(checkpoint);
        var classifier =
            Classifier.load(checkpoint, labels, WeightFormat.f32(), DType.F32, device, arena);
        check.run(new Tiny(classifier, tokenizer, device, arena));
      }
      assertEquals(0, device.memory().allocated());
    }
  }

  private static int[] characters(String text) {
    return text.chars().map(c -> c - ' ' + TinyModel.BLANK).toArray();
  }

  /** The tokens of an input, formed by hand. */
  private static int[] ids(Input input) {
    var ids = IntStream.builder();
    ids.add(TinyModel.START);
    Arrays.stream(characters(input.first())).forEach(ids);
    ids.add(TinyModel.END);
    input
        .second()
        .ifPresent(second -> {
          Arrays.stream(characters(second)).forEach(ids);
          ids.add(TinyModel.END);
        });
    return ids.build().toArray();
  }

  private static int[] typeIds(Input input) {
    int[] types = new int[ids(input).length];
    Arrays.fill(types, input.first().length() + 2, types.length, 1);
    return types;
  }

  @Test
  void inTheOrderOfTheInputsInBatchesOfAnySize() throws Exception {
    for (var name :
        List.of("tiny_bert_cls", "tiny_distilbert_cls", "tiny_llama_cls", "tiny_bert_multilabel")) {
      with(
          name,
          tiny -> {
            var expected =
                INPUTS.stream().map(input -> tiny.scores(ids(input), typeIds(input))).toList();
            for (int tokens : new int[] {1, 40, 10_000}) {
              var predictions = tiny.predictor().withBatchTokens(tokens).predict(INPUTS);
              for (int i = 0; i < INPUTS.size(); i++) {
                var prediction = predictions.get(i);
                assertClose(name, expected.get(i), prediction.scores(), tolerance());
                assertEquals(0, prediction.cut());
                assertEquals(tiny.classifier().config().labels(), prediction.labels());
              }
            }
          });
    }
  }

  private static double tolerance() {
    return Golden.tolerance("logits");
  }

  @Test
  void anAdapterSpeaksForItself() throws Exception {
    with(
        "tiny_bert_cls",
        tiny -> {
          var adapter = TinyClassifier.adapter(tiny.classifier(), 0, tiny.arena());
          var beside = Predictor.of(tiny.classifier(), tiny.tokenizer(), adapter).predict(INPUTS);
          var merged = tiny.classifier().merged(adapter, WeightFormat.f32(), tiny.arena());
          var inside = Predictor.of(merged, tiny.tokenizer()).predict(INPUTS);
          var base = tiny.predictor().predict(INPUTS);
          double difference = 0;
          for (int i = 0; i < INPUTS.size(); i++) {
            assertClose(
                "merged",
                inside.get(i).scores(),
                beside.get(i).scores(),
                Golden.tolerance("merged"));
            difference += Math.abs(base.get(i).scores()[0] - beside.get(i).scores()[0]);
          }
          assertTrue(difference > tolerance(), "the adapter has no effect");
        });
  }

  @Test
  void textsThatAreTooLongAreCut() throws Exception {
    with(
        "tiny_bert_cls", // which reads 64 tokens
        tiny -> {
          String text = "0123456789".repeat(7);
          var predictions =
              tiny.predictor()
                  .predict(
                      List.of(
                          Input.of(text),
                          Input.of("short"),
                          Input.of(text.substring(0, 62)),
                          Input.pair(text.substring(0, 20), text)));
          assertEquals(List.of(8, 0, 0, 29), predictions.stream().map(Prediction::cut).toList());
          assertClose("cut", predictions.get(2).scores(), predictions.get(0).scores(), tolerance());
          var five = tiny.predictor().withMaxLength(5).predict("abcdefg");
          assertEquals(4, five.cut());
          assertClose("cut", tiny.predictor().predict("abc").scores(), five.scores(), tolerance());
          var tooMuch =
              assertThrows(
                  IllegalArgumentException.class, () -> tiny.predictor().withMaxLength(65));
          assertTrue(tooMuch.getMessage().contains("the model reads 1 to 64"));
        });
  }

  @Test
  void memoryDoesNotGrowWithTheTexts() throws Exception {
    with(
        "tiny_bert_cls",
        tiny -> {
          var predictor = tiny.predictor().withBatchTokens(64);
          var texts = new ArrayList<>(List.of(Input.of("x".repeat(62))));
          predictor.predict(texts);
          long one = tiny.device().memory().peak();
          IntStream.range(0, 300).forEach(i -> texts.add(Input.of("text " + i)));
          predictor.predict(texts);
          assertEquals(one, tiny.device().memory().peak());
        });
  }

  @Test
  void oneLabelOfSeveral() throws Exception {
    with(
        "tiny_bert_cls",
        tiny -> {
          var prediction = tiny.predictor().predict("a cat");
          double sum = 0;
          float highest = 0;
          for (float score : prediction.scores()) {
            sum += score;
            highest = Math.max(highest, score);
          }
          assertEquals(1, sum, tolerance());
          assertEquals(highest, prediction.byLabel().get(prediction.label()));
          assertEquals(List.of(prediction.label()), prediction.applying());
          assertEquals(prediction.labels().names(), List.copyOf(prediction.byLabel().keySet()));
        });
  }

  @Test
  void labelsThatApplyTogetherAndValues() throws Exception {
    var several = Labels.of("a", "b", "c").withProblem(io.gatun.runtime.model.Problem.MULTI_LABEL);
    var prediction = new Prediction(several, new float[] {0.625f, 0.75f, 0.5f}, 0);
    assertEquals(List.of("a", "b"), prediction.applying());
    assertEquals("b", prediction.label());
    assertEquals(List.of(), new Prediction(several, new float[] {0.1f, 0.2f, 0.3f}, 0).applying());
    with(
        "tiny_distilbert_regression",
        tiny -> {
          var value = tiny.predictor().predict("a cat");
          var expected = tiny.scores(ids(Input.of("a cat")), new int[7]);
          assertArrayEquals(expected, value.scores());
          assertThrows(IllegalStateException.class, value::label);
          assertThrows(IllegalStateException.class, value::applying);
        });
  }

  @Test
  void severalThreadsUseOne() throws Exception {
    with(
        "tiny_bert_cls",
        tiny -> {
          var predictor = tiny.predictor();
          var expected = predictor.predict(INPUTS);
          IntStream.range(0, 8)
              .parallel()
              .forEach(_ -> {
                var again = predictor.predict(INPUTS);
                for (int i = 0; i < INPUTS.size(); i++) {
                  assertArrayEquals(expected.get(i).scores(), again.get(i).scores());
                }
              });
        });
  }

  @Test
  void refusesWhatItCannotAnswer() throws Exception {
    assertThrows(IllegalArgumentException.class, () -> Input.of(" \n"));
    assertThrows(IllegalArgumentException.class, () -> Input.pair("text", ""));
    with(
        "tiny_bert_cls",
        tiny -> {
          assertEquals(List.of(), tiny.predictor().predict(List.of()));
          LoraAdapter broken = TinyClassifier.adapter(tiny.classifier(), 0, tiny.arena());
          float[] parameters = HostCopy.readFloats(broken.parameters());
          Arrays.fill(parameters, Float.NaN);
          HostCopy.write(broken.parameters(), parameters);
          var noNumber =
              assertThrows(
                  ArithmeticException.class,
                  () -> Predictor.of(tiny.classifier(), tiny.tokenizer(), broken).predict("a"));
          assertTrue(noNumber.getMessage().contains("the logit NaN"), noNumber.getMessage());
          var bare =
              TinyClassifier.load(
                  "bare/tiny_bert", Labels.of("a", "b"), DType.F32, tiny.device(), tiny.arena());
          var headless =
              assertThrows(
                  IllegalArgumentException.class, () -> Predictor.of(bare, tiny.tokenizer()));
          assertTrue(
              headless.getMessage().contains("no weights for bert.pooler.dense and classifier"),
              headless.getMessage());
        });
  }
}
