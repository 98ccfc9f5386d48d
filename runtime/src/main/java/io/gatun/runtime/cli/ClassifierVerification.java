package io.gatun.runtime.cli;

import io.gatun.kernels.Device;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LabelsFile;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.ClassifierConfig;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.PredictPass;
import io.gatun.runtime.model.Problem;
import io.gatun.runtime.predict.Input;
import io.gatun.runtime.predict.Prediction;
import io.gatun.runtime.predict.Predictor;
import io.gatun.runtime.text.Tokenizer;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * Verifies the adapter of a classifier by its logits, scores and labels.
 *
 * @param checkpoint files of the base
 * @param labels what is told apart
 * @param adapter of the base, with its head
 * @param tokenizer of the base
 * @param texts at least one
 */
record ClassifierVerification(
    Checkpoint checkpoint,
    Labels labels,
    LoraAdapter adapter,
    Tokenizer tokenizer,
    List<Input> texts)
    implements Verification<Classifier, PredictPass.Result>, AutoCloseable {

  /** Reads the adapter, with the labels it was trained for. */
  static ClassifierVerification of(
      Checkpoint checkpoint, Path adapter, List<Input> texts, Device device, Arena memory) {
    var labels = LabelsFile.of(adapter, checkpoint);
    var config = ClassifierConfig.of(checkpoint, labels);
    var lora = LoraAdapter.load(adapter, config, device, memory);
    var tokenizer = ModelFiles.tokenizer(checkpoint, config);
    return new ClassifierVerification(checkpoint, labels, lora, tokenizer, texts);
  }

  @Override
  public Classifier load(WeightFormat format, Arena arena) {
    var device = adapter.parameters().buffer().device();
    return Classifier.load(checkpoint, labels, format, FormatOptions.EXACT, device, arena);
  }

  @Override
  public PredictPass.Result unmerged(Classifier base) {
    return run(Predictor.of(base, tokenizer, adapter));
  }

  @Override
  public PredictPass.Result merged(Classifier base, WeightFormat kept) {
    try (var memory = Arena.ofShared()) {
      return run(Predictor.of(base.merged(adapter, kept, memory), tokenizer));
    }
  }

  private PredictPass.Result run(Predictor predictor) {
    return predictor.run(texts.stream().map(predictor::row).toList());
  }

  @Override
  public String subject() {
    return "%d texts, %d labels".formatted(texts.size(), labels.size());
  }

  @Override
  public String header() {
    return "%-36s %11s %11s %11s  %s"
        .formatted("merged into", "max abs", "RMS", "max score", "other labels");
  }

  /** Differences of logits, the largest difference of a score, and texts with another label. */
  @Override
  public List<String> lines(String name, PredictPass.Result reference, PredictPass.Result merged) {
    double largest = 0;
    double squares = 0;
    double score = 0;
    for (int text = 0; text < texts.size(); text++) {
      for (int i = 0; i < labels.size(); i++) {
        double difference = merged.logits().get(text)[i] - (double) reference.logits().get(text)[i];
        largest = Math.max(largest, Math.abs(difference));
        squares += difference * difference;
        double own = reference.probabilities().get(text)[i];
        score = Math.max(score, Math.abs(merged.probabilities().get(text)[i] - own));
      }
    }
    double rms = Math.sqrt(squares / (texts.size() * (double) labels.size()));
    return List.of(
        String.format(
            Locale.ROOT,
            "%-36s %11.3g %11.3g %11.3g  %s",
            name,
            largest,
            rms,
            score,
            flips(reference, merged)));
  }

  private String flips(PredictPass.Result reference, PredictPass.Result merged) {
    if (labels.problem() == Problem.REGRESSION) {
      return "-";
    }
    long others =
        IntStream.range(0, texts.size())
            .filter(i -> !applying(reference, i).equals(applying(merged, i)))
            .count();
    return "%d of %d".formatted(others, texts.size());
  }

  private List<String> applying(PredictPass.Result result, int text) {
    return new Prediction(labels, result.probabilities().get(text), 0).applying();
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
