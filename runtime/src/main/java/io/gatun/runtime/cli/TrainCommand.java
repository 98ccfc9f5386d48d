package io.gatun.runtime.cli;

import io.gatun.kernels.Device;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.model.BackboneConfig;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.ClassifierConfig;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.text.Tokenizer;
import io.gatun.runtime.train.Progress;
import io.gatun.runtime.train.TrainingPlan;
import io.gatun.runtime.train.TrainingResult;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code gatun train}: an adapter from a model and rows of text. */
@Command(
    name = "train",
    description =
        "Trains a LoRA adapter of a language model or a classifier; with a 4-bit base (the default)"
            + " that is QLoRA.",
    mixinStandardHelpOptions = true)
final class TrainCommand implements Callable<Integer> {
  @Mixin private ModelOptions model = new ModelOptions();
  @Mixin private DataOptions data = new DataOptions();
  @Mixin private LoraOptions lora = new LoraOptions();
  @Mixin private PlanOptions plan = new PlanOptions();
  @Mixin private EvaluationOptions evaluation = new EvaluationOptions();
  @Spec private CommandSpec spec;

  @Option(
      names = "--task",
      defaultValue = "language",
      paramLabel = "TASK",
      description =
          "language (to continue text) or classification (labels of texts and pairs of texts)."
              + " Default: ${DEFAULT-VALUE}.")
  private TrainTask task;

  @Option(
      names = {"--adapter-path", "--output-dir", "--output", "-o"},
      defaultValue = "adapters",
      paramLabel = "DIR",
      description = "Where the adapter and metrics.jsonl go. Default: ${DEFAULT-VALUE}.")
  private Path output;

  @Option(
      names = {"--overwrite", "--overwrite-output-dir"},
      description = "Replace the results of an earlier run in that folder.")
  private boolean overwrite;

  @Option(
      names = {"--steps-per-report", "--logging-steps"},
      defaultValue = "10",
      paramLabel = "N",
      description = "Steps between lines where there is no terminal. Default: ${DEFAULT-VALUE}.")
  private int reportEvery;

  @Override
  public Integer call() {
    data.fetch(model.hub);
    var settings =
        plan.plan(task, output, overwrite).with(evaluation.evaluation(task, data.hasHeldOut()));
    settings.output().requireFree();
    var out = spec.commandLine().getOut();
    try (var device = model.format.device.open(spec.commandLine().getErr());
        var memory = Arena.ofShared();
        var files = Arena.ofShared()) {
      var checkpoint = Checkpoint.open(model.hub.model(model.path), files);
      var shape = task.shape(checkpoint);
      try (var tokenizer = ModelFiles.tokenizer(checkpoint, shape)) {
        var run =
            switch (shape) {
              case ClassifierConfig own -> classifier(checkpoint, own, tokenizer, device, memory);
              case BackboneConfig own -> language(checkpoint, own, tokenizer, device, memory);
            };
        out.println(TrainableParameters.line(run.adapter().parameterCount(), run.adapter().base()));
        out.flush();
        var result = train(run, settings);
        result.remarks().forEach(out::println);
        heldOut(result).ifPresent(out::println);
        out.println(summary(result, device.memory().peak()));
      }
    }
    return 0;
  }

  private TrainRun language(
      Checkpoint checkpoint, BackboneConfig own, Tokenizer tokenizer, Device device, Arena memory) {
    int context = own.contextLength();
    var rows = data.read(tokenizer, context, plan.seed, evaluation.exactMatch());
    rows.report().forEach(this::tell);
    var loaded = Decoder.load(checkpoint, model.format.format(), model.compute(), device, memory);
    var decoder = plan.baseDropout ? loaded : loaded.withoutDropout();
    var adapter = LoraAdapter.create(decoder, config(), plan.seed, memory);
    return new TrainRun.OfLanguage(decoder, adapter, rows);
  }

  private TrainRun classifier(
      Checkpoint checkpoint,
      ClassifierConfig own,
      Tokenizer tokenizer,
      Device device,
      Arena memory) {
    Optional<Labels> known =
        own.head().getLast().stored() ? Optional.of(own.labels()) : Optional.empty();
    var rows = data.readLabelled(tokenizer, known, own.contextLength(), plan.seed);
    rows.report().forEach(this::tell);
    var loaded =
        Classifier.load(
            checkpoint,
            rows.training().labels(),
            model.format.format(),
            model.compute(),
            device,
            memory);
    var classifier = plan.baseDropout ? loaded : loaded.withoutDropout();
    var missing = classifier.config().newModules();
    if (!missing.isEmpty()) {
      tell(
          "new in the head: %s; the model has no weights for that, so it begins at random and is kept in the adapter"
              .formatted(String.join(", ", missing)));
    }
    var adapter = LoraAdapter.create(classifier, config(), plan.seed, memory);
    return new TrainRun.OfClassifier(classifier, adapter, rows);
  }

  private LoraConfig config() {
    return lora.config(HubOption.name(model.path));
  }

  private void tell(String line) {
    spec.commandLine().getOut().println(line);
  }

  private TrainingResult train(TrainRun run, TrainingPlan settings) {
    try (var progress = Progress.on(System.out, reportEvery)) {
      return run.run(settings, progress);
    }
  }

  /** What the training changed on held-out rows. */
  private static Optional<String> heldOut(TrainingResult result) {
    return result
        .evaluation()
        .map(after -> {
          var before = result.evaluations().getFirst();
          return after.figures().keySet().stream()
              .map(metric -> metric.text(before.figure(metric), after.figure(metric)))
              .collect(Collectors.joining(", ", "held-out rows, before -> after: ", ""));
        });
  }

  private String summary(TrainingResult result, long peak) {
    var last = result.last();
    var metric = result.metric();
    String measuring =
        result.evaluations().isEmpty()
            ? ""
            : " and %d s of evaluation".formatted(result.evaluating().toSeconds());
    String kept =
        result
            .kept()
            .map(m -> ", that of step %d: %s".formatted(m.step(), metric.text(m.figure(metric))))
            .orElse("");
    return "%d steps in %d s%s, %s of device memory at most; the adapter is in %s%s"
        .formatted(
            last.number(), last.elapsed().toSeconds(), measuring, Sizes.text(peak), output, kept);
  }
}
