package io.gatun.runtime.cli;

import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.generate.ExactMatch;
import io.gatun.runtime.train.Questions;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * {@code gatun eval}: the share of prompts answered exactly as expected, or how well texts are
 * labelled, without and with the adapter.
 */
@Command(
    name = "eval",
    description =
        "Counts answers that equal the expected text (blanks stripped, case ignored), of the base"
            + " model and, with --adapter-path, of the model with the adapter. Of a classifier:"
            + " accuracy, F1 and which labels are taken for which.",
    mixinStandardHelpOptions = true)
final class EvalCommand implements Callable<Integer> {
  @Mixin private ModelOptions model = new ModelOptions();
  @Mixin private AdapterOption adapter = new AdapterOption();
  @Spec private CommandSpec spec;

  @Option(
      names = {"--data", "-d"},
      required = true,
      split = ",",
      paramLabel = "FILE",
      description =
          "JSONL files of prompts and expected answers, or of texts and labels, in any shape that"
              + " training takes.")
  private List<Path> data;

  @Option(
      names = "--task",
      paramLabel = "TASK",
      description =
          "language (answers) or classification (labels). Default: what the adapter was trained"
              + " for, or the model.")
  private Optional<TrainTask> task;

  @Option(
      names = {"--max-tokens", "--max-new-tokens", "-n"},
      paramLabel = "N",
      description = "Most tokens of an answer. Default: those of the longest expected answer + 4.")
  private Optional<Integer> maxTokens;

  @Option(
      names = {"--max-seq-length", "--max-length"},
      paramLabel = "N",
      description = "Cut texts to classify after this many tokens. Default: what the model reads.")
  private Optional<Integer> maxLength;

  @Option(
      names = "--no-base",
      description = "Do not run the base model; only the model with the adapter.")
  private boolean noBase;

  @Option(
      names = "--show",
      defaultValue = "0",
      paramLabel = "N",
      description = "Print the first N wrong answers of each file.")
  private int show;

  @Override
  public Integer call() {
    if (noBase && adapter.path.isEmpty()) {
      throw new UsageException("--no-base needs --adapter-path; there is nothing else to run");
    }
    boolean classify =
        task.map(TrainTask.CLASSIFICATION::equals)
            .orElseGet(() ->
                ModelFiles.classify(
                    model.hub.model(model.path), adapter.path.map(model.hub::adapter)));
    if (classify) {
      label();
    } else {
      ask();
    }
    return 0;
  }

  private void label() {
    if (maxTokens.isPresent()) {
      throw new UsageException("--max-tokens is for answers; a classifier gives labels");
    }
    var out = spec.commandLine().getOut();
    try (var loaded = LoadedClassifier.open(model, adapter, spec.commandLine().getErr())) {
      var evaluation = new ClassifierEvaluation(loaded, loaded.maxLength(maxLength), noBase, show);
      data.forEach(file -> evaluation.run(model.hub.rows(file), out));
    }
  }

  private void ask() {
    if (maxLength.isPresent()) {
      throw new UsageException("--max-seq-length is for texts to classify; prompts are never cut");
    }
    var out = spec.commandLine().getOut();
    try (var loaded = LoadedModel.open(model, adapter, spec.commandLine().getErr())) {
      for (Path name : data) {
        var file = model.hub.rows(name);
        var questions = questions(loaded, file);
        var line = new StringBuilder();
        if (!noBase) {
          boolean only = loaded.adapter().isEmpty();
          line.append(" base ").append(score(loaded, Optional.empty(), questions, only));
        }
        if (loaded.adapter().isPresent()) {
          line.append(noBase ? "" : " ->").append(" with adapter ");
          line.append(score(loaded, loaded.adapter(), questions, true));
        }
        out.printf("%s: %d rows: exact match%s%n", file.getFileName(), questions.size(), line);
      }
    }
  }

  private ExactMatch questions(LoadedModel loaded, Path file) {
    int context = loaded.decoder().config().contextLength();
    var questions =
        ExactMatch.of(
            loaded.tokenizer(), Questions.jsonl(file, loaded.tokenizer(), context, _ -> true));
    return maxTokens.map(questions::withMaxTokens).orElse(questions);
  }

  /** The share of right answers; shows wrong ones if it is asked to. */
  private String score(
      LoadedModel loaded, Optional<LoraAdapter> lora, ExactMatch questions, boolean print) {
    var graded = questions.ask(loaded.decoder(), lora);
    graded.stream().filter(answer -> print && !answer.isRight()).limit(show).forEach(this::show);
    int right = ExactMatch.right(graded);
    return String.format(Locale.ROOT, "%.1f %% (%d)", 100.0 * right / questions.size(), right);
  }

  private void show(ExactMatch.Graded wrong) {
    spec.commandLine()
        .getOut()
        .printf(
            "  line %d: expected '%s', got '%s'%n",
            wrong.question().line(),
            wrong.question().expected().strip(),
            wrong.answer().text().strip());
  }
}
