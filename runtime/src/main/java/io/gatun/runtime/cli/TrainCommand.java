package io.gatun.runtime.cli;

import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.text.Tokenizer;
import io.gatun.runtime.train.Dataset;
import io.gatun.runtime.train.Progress;
import io.gatun.runtime.train.Step;
import io.gatun.runtime.train.Training;
import io.gatun.runtime.train.TrainingPlan;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
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
  @Mixin private LoraOptions lora = new LoraOptions();
  @Mixin private PlanOptions plan = new PlanOptions();
  @Spec private CommandSpec spec;

  @Option(
      names = {"--data", "-d", "--dataset"},
      required = true,
      paramLabel = "FILE",
      description =
          "JSONL rows: text, prompt/completion, messages, alpaca or sharegpt; or a folder with"
              + " train.jsonl and perhaps valid.jsonl.")
  private Path data;

  @Option(
      names = "--valid",
      paramLabel = "FILE",
      description = "Held-out rows; their loss is measured after each epoch.")
  private Optional<Path> valid;

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
      names = {"--max-seq-length", "--max-length", "--cutoff-len"},
      defaultValue = "1024",
      paramLabel = "N",
      description = "Longer rows are cut after this many tokens. Default: ${DEFAULT-VALUE}.")
  private int maxLength;

  @Option(
      names = {"--mask-prompt", "--completion-only-loss"},
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "Learn completions and assistant turns only (default), or everything.")
  private boolean maskPrompt;

  @Option(
      names = {"--steps-per-report", "--logging-steps"},
      defaultValue = "10",
      paramLabel = "N",
      description = "Steps between lines where there is no terminal. Default: ${DEFAULT-VALUE}.")
  private int reportEvery;

  @Override
  public Integer call() {
    var settings = plan.plan(output, overwrite);
    var out = spec.commandLine().getOut();
    try (var device = model.format.device();
        var memory = Arena.ofShared();
        var files = Arena.ofShared()) {
      var checkpoint = Checkpoint.open(model.path, files);
      Dataset rows;
      Optional<Dataset> heldOut;
      try (var tokenizer = ModelFiles.tokenizer(checkpoint)) {
        rows = dataset(DataFiles.train(data), tokenizer);
        heldOut = DataFiles.valid(data, valid).map(file -> dataset(file, tokenizer));
      }
      report(out, rows);
      heldOut.ifPresent(held -> report(out, held));
      var decoder =
          Decoder.load(checkpoint, model.format.format(), model.compute(), device, memory);
      var adapter =
          LoraAdapter.create(decoder, lora.config(model.path.toString()), plan.seed, memory);
      long base = InspectCommand.parameters(checkpoint);
      out.println(TrainableParameters.line(adapter.parameterCount(), base));
      out.flush();
      var last = train(decoder, adapter, rows, heldOut, settings);
      out.printf(
          Locale.ROOT,
          "%d steps in %d s, %s of device memory at most; the adapter is in %s%n",
          last.number(),
          last.elapsed().toSeconds(),
          Sizes.text(device.memory().peak()),
          output);
    }
    return 0;
  }

  private static void report(PrintWriter out, Dataset rows) {
    out.println(rows.statistics().summary());
    rows.statistics().warnings().forEach(out::println);
  }

  private Step train(
      Decoder decoder,
      LoraAdapter adapter,
      Dataset rows,
      Optional<Dataset> heldOut,
      TrainingPlan settings) {
    try (var progress = Progress.on(System.out, reportEvery)) {
      return Training.run(decoder, adapter, rows, heldOut, settings, progress);
    }
  }

  private Dataset dataset(Path file, Tokenizer tokenizer) {
    return Dataset.jsonl(file, tokenizer, new Dataset.Options(maxLength, maskPrompt));
  }
}
