package io.gatun.runtime.cli;

import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.train.Metric;
import io.gatun.runtime.train.Progress;
import io.gatun.runtime.train.Training;
import io.gatun.runtime.train.TrainingPlan;
import io.gatun.runtime.train.TrainingResult;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code gatun train}: an adapter from a model and rows of text. */
@Command(
    name = "train",
    description = "Trains a LoRA adapter; with a 4-bit base (the default) that is QLoRA.",
    mixinStandardHelpOptions = true)
final class TrainCommand implements Callable<Integer> {
  @Mixin private ModelOptions model = new ModelOptions();
  @Mixin private DataOptions data = new DataOptions();
  @Mixin private LoraOptions lora = new LoraOptions();
  @Mixin private PlanOptions plan = new PlanOptions();
  @Mixin private EvaluationOptions evaluation = new EvaluationOptions();
  @Spec private CommandSpec spec;

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
    var settings = plan.plan(output, overwrite).with(evaluation.evaluation(data.hasHeldOut()));
    settings.output().requireFree();
    var out = spec.commandLine().getOut();
    try (var device = model.format.device();
        var memory = Arena.ofShared();
        var files = Arena.ofShared()) {
      var checkpoint = Checkpoint.open(model.path, files);
      var config = DecoderConfig.of(checkpoint);
      try (var tokenizer = ModelFiles.tokenizer(checkpoint, config)) {
        int context = config.contextLength();
        var rows = data.read(tokenizer, context, plan.seed, evaluation.exactMatch());
        rows.report().forEach(out::println);
        var decoder =
            Decoder.load(checkpoint, model.format.format(), model.compute(), device, memory);
        var adapter =
            LoraAdapter.create(decoder, lora.config(model.path.toString()), plan.seed, memory);
        long base = InspectCommand.parameters(checkpoint);
        out.println(TrainableParameters.line(adapter.parameterCount(), base));
        out.flush();
        var result = train(decoder, adapter, rows, settings);
        result.remarks().forEach(out::println);
        out.println(summary(result, result.metric(), device.memory().peak()));
      }
    }
    return 0;
  }

  private TrainingResult train(
      Decoder decoder, LoraAdapter adapter, DataOptions.Rows rows, TrainingPlan settings) {
    try (var progress = Progress.on(System.out, reportEvery)) {
      return Training.run(decoder, adapter, rows.training(), rows.heldOut(), settings, progress);
    }
  }

  private String summary(TrainingResult result, Metric metric, long peak) {
    var last = result.last();
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
