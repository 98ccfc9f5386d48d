package io.gatun.runtime.cli;

import io.gatun.runtime.generate.ExactMatch;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.text.Tokenizer;
import io.gatun.runtime.train.ClassificationData;
import io.gatun.runtime.train.ClassificationStatistics;
import io.gatun.runtime.train.Dataset;
import io.gatun.runtime.train.Example;
import io.gatun.runtime.train.HeldOut;
import io.gatun.runtime.train.Questions;
import io.gatun.runtime.train.TextEncoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Which rows are trained on, and which are held out. */
final class DataOptions {
  @Option(
      names = {"--data", "-d", "--dataset"},
      required = true,
      paramLabel = "FILE",
      description =
          "JSONL rows: text, prompt/completion, messages, alpaca or sharegpt; for classification"
              + " text and label, or text1, text2 and label. Or a folder with train.jsonl and"
              + " perhaps valid.jsonl, or such a repository of the Hugging Face hub, org/name or"
              + " org/name:file.jsonl.")
  private Path data;

  @Option(
      names = {"--valid", "--eval-data"},
      paramLabel = "FILE",
      description = "Held-out rows, on which the adapter is measured while it is trained.")
  private Optional<Path> valid;

  @Option(
      names = {"--valid-split", "--val-size"},
      paramLabel = "X",
      description =
          "Hold out this share of the rows (0.1 is a tenth), chosen by --seed; metrics.jsonl lists"
              + " their lines.")
  private Optional<Double> split;

  @Option(
      names = {"--max-seq-length", "--max-length", "--cutoff-len"},
      paramLabel = "N",
      description =
          "Longer rows are cut after this many tokens. Default: 1024; for classification, all that"
              + " the model reads.")
  private Optional<Integer> maxLength;

  @Option(
      names = {"--mask-prompt", "--completion-only-loss"},
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "Learn completions and assistant turns only (default), or everything.")
  private boolean maskPrompt;

  /**
   * The rows of a run.
   *
   * @param training what is trained on
   * @param heldOut what it is measured on
   * @param report what to tell about them
   */
  record Rows(Dataset training, Optional<HeldOut> heldOut, List<String> report) {}

  /**
   * The rows of a run that classifies.
   *
   * @param training what is trained on
   * @param heldOut what it is measured on
   * @param report what to tell about them
   */
  record LabelledRows(
      ClassificationData training, Optional<ClassificationData> heldOut, List<String> report) {}

  /** Downloads what is on the hub; before anything else is asked here. */
  void fetch(HubOption hub) {
    data = hub.data(data);
    valid = valid.map(hub::rows);
  }

  /** Whether rows are held out. */
  boolean hasHeldOut() {
    return split.isPresent() || heldOutFile().isPresent();
  }

  /**
   * Reads all rows.
   *
   * @param context most tokens that the model reads
   * @param seed of the choice of held-out rows
   * @param exactMatch whether held-out rows are also questions
   */
  Rows read(Tokenizer tokenizer, int context, long seed, boolean exactMatch) {
    requireOneSource();
    Path file = trainingFile();
    var all = dataset(file, tokenizer);
    List<String> report = new ArrayList<>();
    report(all, report);
    if (split.isPresent()) {
      var parts = all.split(split.get(), seed);
      report.add(splitLine(parts.rows().size(), parts.heldOut().size()));
      var lines = parts.heldOut().rows().stream().map(Example::line).toList();
      var questions = questions(file, parts.heldOut(), tokenizer, context, exactMatch);
      return new Rows(
          parts.rows(), Optional.of(new HeldOut(parts.heldOut(), lines, questions)), report);
    }
    var heldOut =
        heldOutFile()
            .map(held -> {
              var rows = dataset(held, tokenizer);
              report(rows, report);
              var questions = questions(held, rows, tokenizer, context, exactMatch);
              return new HeldOut(rows, List.of(), questions);
            });
    return new Rows(all, heldOut, report);
  }

  /**
   * Reads all rows of a classifier.
   *
   * @param known labels that the model's head has weights for
   * @param context most tokens that the model reads
   * @param seed of the choice of held-out rows
   */
  LabelledRows readLabelled(Tokenizer tokenizer, Optional<Labels> known, int context, long seed) {
    requireOneSource();
    if (!maskPrompt) {
      throw new UsageException(
          "--no-mask-prompt is for language models; rows have no prompts here");
    }
    int length = maxLength.orElse(context);
    var encoder = TextEncoder.of(tokenizer);
    var all = ClassificationData.training(trainingFile(), known, encoder, length);
    List<String> report = new ArrayList<>();
    report(all.statistics(), report);
    if (split.isPresent()) {
      var parts = all.split(split.get(), seed);
      report.add(splitLine(parts.rows().rows().size(), parts.heldOut().rows().size()));
      report.addAll(parts.rows().statistics().warnings());
      return new LabelledRows(parts.rows(), Optional.of(parts.heldOut()), report);
    }
    var heldOut =
        heldOutFile().map(file -> ClassificationData.heldOut(file, all.labels(), encoder, length));
    heldOut.ifPresent(rows -> report(rows.statistics(), report));
    return new LabelledRows(all, heldOut, report);
  }

  private static void report(ClassificationStatistics statistics, List<String> report) {
    report.add(statistics.summary());
    report.addAll(statistics.warnings());
  }

  private static String splitLine(int trained, int heldOut) {
    return "of these rows %,d are trained on and %,d held out".formatted(trained, heldOut);
  }

  private void requireOneSource() {
    if (split.isPresent() && !(split.get() > 0 && split.get() < 1)) {
      throw new UsageException(
          "--valid-split is %s; it must be a share between 0 and 1, for example 0.1"
              .formatted(split.get()));
    }
    if (split.isPresent() && heldOutFile().isPresent()) {
      throw new UsageException(
          "--valid-split and %s both hold rows out; use one of them"
              .formatted(heldOutFile().get()));
    }
  }

  /** The file itself, or train.jsonl of the folder. */
  private Path trainingFile() {
    if (!Files.isDirectory(data)) {
      return data;
    }
    Path file = data.resolve("train.jsonl");
    if (!Files.exists(file)) {
      throw new UsageException(
          "--data: the folder %s has no train.jsonl; name the file with the rows".formatted(data));
    }
    return file;
  }

  /** The file asked for, or valid.jsonl of the folder if it is there. */
  private Optional<Path> heldOutFile() {
    var beside = data.resolve("valid.jsonl");
    return valid.isPresent() || !Files.isRegularFile(beside) ? valid : Optional.of(beside);
  }

  private Dataset dataset(Path file, Tokenizer tokenizer) {
    return Dataset.jsonl(file, tokenizer, new Dataset.Options(maxLength.orElse(1024), maskPrompt));
  }

  private static void report(Dataset rows, List<String> report) {
    report.add(rows.statistics().summary());
    report.addAll(rows.statistics().warnings());
  }

  private static Optional<ExactMatch> questions(
      Path file, Dataset rows, Tokenizer tokenizer, int context, boolean wanted) {
    if (!wanted) {
      return Optional.empty();
    }
    var lines = new HashSet<Integer>();
    rows.rows().forEach(row -> lines.add(row.line()));
    var questions = Questions.jsonl(file, tokenizer, context, lines::contains);
    return Optional.of(ExactMatch.of(tokenizer, questions));
  }
}
