package io.gatun.runtime.cli;

import io.gatun.runtime.model.ClassifierRow;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.PredictPass;
import io.gatun.runtime.model.Problem;
import io.gatun.runtime.model.Target;
import io.gatun.runtime.predict.Prediction;
import io.gatun.runtime.predict.Predictor;
import io.gatun.runtime.train.Baseline;
import io.gatun.runtime.train.ClassificationData;
import io.gatun.runtime.train.LabelledRow;
import io.gatun.runtime.train.Scores;
import io.gatun.runtime.train.TextEncoder;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** How well a classifier labels the rows of files, without and with its adapter. */
final class ClassifierEvaluation {
  private final LoadedClassifier loaded;
  private final Labels labels;
  private final int maxLength;
  private final boolean noBase;
  private final int show;

  /**
   * @param maxLength most tokens of a text
   * @param noBase whether what is there without the adapter is left out
   * @param show how many rows with a wrong label to print
   */
  ClassifierEvaluation(LoadedClassifier loaded, int maxLength, boolean noBase, int show) {
    this.loaded = loaded;
    this.maxLength = maxLength;
    this.labels = loaded.classifier().config().labels();
    this.noBase = noBase;
    this.show = show;
    if (labels.problem() == Problem.REGRESSION) {
      refuse();
    }
  }

  private void refuse() {
    if (labels.size() > 1) {
      throw new IllegalArgumentException(
          "the model gives %d numbers for a text, and a row has one label: such a regression is not measured"
              .formatted(labels.size()));
    }
    if (show > 0) {
      throw new UsageException(
          "--show is for labels; a regression has numbers, none of them wrong");
    }
  }

  /** Measures the rows of a file and prints what it finds. */
  void run(Path file, PrintWriter out) {
    var data =
        ClassificationData.heldOut(file, labels, TextEncoder.of(loaded.tokenizer()), maxLength);
    data.statistics().warnings().forEach(out::println);
    var rows = data.rows().stream().map(LabelledRow::row).toList();
    var result = loaded.predictor().run(rows);
    var report = new ClassifierReport(out, labels.names());
    report.figures(
        "%s: %,d rows".formatted(file.getFileName(), rows.size()),
        before(rows),
        loaded.adapter().isPresent() ? "with adapter " : "",
        scores(rows, result));
    wrong(data.rows(), result, out);
  }

  /** The base where it tells these labels apart, else an answer that needs no model. */
  private Optional<Baseline> before(List<ClassifierRow> rows) {
    if (loaded.adapter().isEmpty() || noBase) {
      return Optional.empty();
    }
    if (!loaded.baseClassifies()) {
      return Optional.of(Baseline.of(labels, targets(rows)));
    }
    var base = Predictor.of(loaded.classifier(), loaded.tokenizer());
    return Optional.of(new Baseline("base", scores(rows, base.run(rows)).figures()));
  }

  private Scores scores(List<ClassifierRow> rows, PredictPass.Result result) {
    return Scores.of(labels, targets(rows), result.probabilities(), result.loss());
  }

  private static List<Target> targets(List<ClassifierRow> rows) {
    return rows.stream().map(ClassifierRow::target).toList();
  }

  private void wrong(List<LabelledRow> rows, PredictPass.Result result, PrintWriter out) {
    int left = show;
    for (int i = 0; i < rows.size() && left > 0; i++) {
      var prediction = new Prediction(labels, result.probabilities().get(i), 0);
      var expected = expected(rows.get(i).row().target());
      if (!expected.equals(prediction.applying())) {
        out.printf(
            "  line %d: expected %s, got %s%n",
            rows.get(i).line(), words(expected), words(prediction.applying()));
        left--;
      }
    }
  }

  private List<String> expected(Target target) {
    return switch (target) {
      case Target.Label(int index) -> List.of(labels.names().get(index));
      case Target.Values(float[] values) ->
          IntStream.range(0, values.length)
              .filter(i -> values[i] > 0)
              .mapToObj(labels.names()::get)
              .toList();
      case Target.Unknown() -> List.of();
    };
  }

  private static String words(List<String> names) {
    return names.isEmpty() ? "no label" : "'" + String.join("', '", names) + "'";
  }
}
