package io.gatun.runtime.cli;

import io.gatun.runtime.train.LearningRate;
import io.gatun.runtime.train.Optimizer;
import io.gatun.runtime.train.Portion;
import io.gatun.runtime.train.Schedule;
import io.gatun.runtime.train.TrainingPlan;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** How the run goes: the trainer's options under the names people know. */
final class PlanOptions {
  @Option(
      names = {"--epochs", "--num-train-epochs"},
      defaultValue = "3",
      paramLabel = "N",
      description = "Passes over the rows. Default: ${DEFAULT-VALUE}.")
  double epochs;

  @Option(
      names = {"--iters", "--max-steps"},
      paramLabel = "N",
      description = "Optimizer steps, instead of --epochs.")
  Optional<Integer> steps;

  @Option(
      names = {"--batch-size", "--per-device-train-batch-size"},
      defaultValue = "16",
      paramLabel = "N",
      description = "Rows of a batch. Default: ${DEFAULT-VALUE}.")
  int batchSize;

  @Option(
      names = {"--grad-accumulation-steps", "--gradient-accumulation-steps"},
      defaultValue = "1",
      paramLabel = "N",
      description = "Batches of an optimizer step. Default: ${DEFAULT-VALUE}.")
  int accumulation;

  @Option(
      names = "--micro-batch-tokens",
      paramLabel = "N",
      description =
          "Tokens computed at a time; changes memory and speed, not the result. Default: 512; for"
              + " classification 2048.")
  Optional<Integer> microBatchTokens;

  @Option(
      names = {"--learning-rate", "--lr"},
      paramLabel = "X",
      description = "Highest learning rate. Default: 2e-4; for classification 1e-3.")
  Optional<Double> learningRate;

  @Option(
      names = {"--lr-scheduler-type", "--lr-schedule", "--schedule"},
      defaultValue = "linear",
      paramLabel = "NAME",
      description =
          "constant, constant_with_warmup, linear, cosine, cosine_with_restarts,"
              + " cosine_with_min_lr, polynomial, inverse_sqrt or warmup_stable_decay. Default:"
              + " ${DEFAULT-VALUE}.")
  String schedule;

  @Option(
      names = {"--warmup-steps", "--warmup"},
      defaultValue = "0",
      paramLabel = "N",
      description = "Steps, or a share below 1 of all steps. Default: ${DEFAULT-VALUE}.")
  double warmup;

  @Option(
      names = "--warmup-ratio",
      paramLabel = "X",
      description = "Share of all steps, instead of --warmup-steps.")
  Optional<Double> warmupRatio;

  @Option(
      names = "--weight-decay",
      defaultValue = "0",
      paramLabel = "X",
      description = "Decoupled weight decay. Default: ${DEFAULT-VALUE}.")
  double weightDecay;

  @Option(
      names = {"--max-grad-norm", "--grad-clip"},
      defaultValue = "1",
      paramLabel = "X",
      description = "Clips the gradient to this norm; 0 does not. Default: ${DEFAULT-VALUE}.")
  double maxGradNorm;

  @Option(
      names = "--base-dropout",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Apply the dropout that the base's config.json asks for (hidden_dropout_prob,"
              + " attention_probs_dropout_prob, classifier_dropout and the like), as transformers"
              + " does in training (default), or none of it. --lora-dropout is apart from it.")
  boolean baseDropout;

  @Option(
      names = {"--grad-checkpoint", "--gradient-checkpointing", "--recompute"},
      defaultValue = "auto",
      fallbackValue = "on",
      arity = "0..1",
      paramLabel = "WHEN",
      description =
          "Compute blocks again on the way back to save memory: auto, on or off. Default:"
              + " ${DEFAULT-VALUE}.")
  TrainingPlan.Recompute recompute;

  @Option(
      names = {"--save-every", "--save-steps"},
      defaultValue = "0",
      paramLabel = "N",
      description =
          "Steps between checkpoints; 0 saves at the end only. Default: ${DEFAULT-VALUE}.")
  int saveEvery;

  @Option(
      names = "--save-total-limit",
      defaultValue = "0",
      paramLabel = "N",
      description =
          "Keep the newest N checkpoints; the best adapter is kept besides. 0 keeps all. Default:"
              + " ${DEFAULT-VALUE}.")
  int saveLimit;

  @Option(
      names = "--seed",
      defaultValue = "42",
      paramLabel = "N",
      description = "Key of all random numbers. Default: ${DEFAULT-VALUE}.")
  long seed;

  TrainingPlan plan(TrainTask task, Path output, boolean overwrite) {
    try {
      var rate =
          new LearningRate(
              learningRate.orElse(task.learningRate),
              Schedule.named(schedule),
              warmupRatio.map(Portion::share).orElseGet(this::warmupPortion));
      var lengthened =
          steps
              .map(TrainingPlan.defaults()::withSteps)
              .orElseGet(() -> TrainingPlan.defaults().withEpochs(epochs));
      int tokens = microBatchTokens.orElse(task.microBatchTokens);
      return lengthened
          .with(new TrainingPlan.Batches(batchSize, accumulation, tokens, true, seed))
          .with(rate)
          .with(new Optimizer.Settings(0.9, 0.999, 1e-8, weightDecay, maxGradNorm))
          .with(recompute)
          .with(new TrainingPlan.Output(Optional.of(output), saveEvery, saveLimit, overwrite));
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  private Portion warmupPortion() {
    return warmup > 0 && warmup < 1 ? Portion.share(warmup) : Portion.steps((int) warmup);
  }
}
