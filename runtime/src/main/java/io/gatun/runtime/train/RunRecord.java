package io.gatun.runtime.train;

import io.gatun.runtime.model.Batch;
import io.gatun.runtime.model.Loss;
import io.gatun.runtime.model.TrainPass;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Tells the listener and metrics.jsonl what a run does. */
final class RunRecord {
  private final RunSetup setup;
  private final RunOutput output;
  private final Consumer<Step> listener;
  private final long begin = System.nanoTime();
  private long stepBegin;
  private Optional<Step> last = Optional.empty();

  /** Writes the first line of metrics.jsonl. */
  RunRecord(RunSetup setup, RunOutput output, Consumer<Step> listener) {
    this.setup = setup;
    this.output = output;
    this.listener = listener;
    output.metrics(header());
  }

  /** A step begins. */
  void begin() {
    stepBegin = System.nanoTime();
  }

  /** Stops a run whose numbers are lost, before they reach the adapter. */
  void requireFinite(int number, double loss, double norm) {
    if (Double.isFinite(loss) && Double.isFinite(norm)) {
      return;
    }
    String what = Double.isFinite(loss) ? "the gradient norm is " + norm : "the loss is " + loss;
    throw new TrainingException(
        ("Step %d of %d: %s, so the run stopped before this step changed the adapter; try a lower"
                + " learning rate than %s, a warm-up, or compute in fp32.%s")
            .formatted(
                number, setup.steps(), what, setup.plan().learningRate().peak(), checkpoints()));
  }

  private String checkpoints() {
    int every = setup.plan().output().every();
    return last.filter(step -> every > 0 && step.number() >= every)
        .map(step -> " The last checkpoint is checkpoint-" + step.number() / every * every + ".")
        .orElse("");
  }

  /** A step is done; what is measured on held-out rows does not count into its time. */
  void step(int number, List<Batch> batches, Loss loss, double norm, double rate, TrainPass pass) {
    var rows = setup.stepRows().of(number);
    Duration duration = Duration.ofNanos(System.nanoTime() - stepBegin);
    var step =
        new Step(
            number,
            setup.steps(),
            setup.stepRows().epochs(number),
            loss.mean(),
            norm,
            rate,
            rows.size(),
            rows.stream().mapToLong(Example::tokens).sum(),
            rows.stream().mapToLong(Example::supervised).sum(),
            batches.stream().mapToLong(Batch::tokens).sum(),
            duration,
            Duration.ofNanos(System.nanoTime() - begin),
            setup.heldOutLoss(number, pass));
    last = Optional.of(step);
    output.metrics(line(step));
    listener.accept(step);
  }

  Step last() {
    return last.orElseThrow();
  }

  private static ObjectNode line(Step step) {
    var line =
        JsonNodeFactory.instance
            .objectNode()
            .put("step", step.number())
            .put("epoch", step.epoch())
            .put("loss", step.loss())
            .put("grad_norm", step.gradNorm())
            .put("learning_rate", step.learningRate())
            .put("rows", step.rows())
            .put("tokens", step.tokens())
            .put("supervised_tokens", step.supervised())
            .put("computed_tokens", step.computed())
            .put("tokens_per_second", step.tokensPerSecond())
            .put("seconds", step.elapsed().toNanos() * 1e-9);
    step.heldOut().ifPresent(loss -> line.put("eval_loss", loss));
    return line;
  }

  private ObjectNode header() {
    var header =
        JsonNodeFactory.instance
            .objectNode()
            .put("run", "train")
            .put("started", Instant.now().toString())
            .put("steps", setup.steps());
    model(header.putObject("model"));
    adapter(header.putObject("adapter"));
    dataset(header.putObject("data"));
    plan(header.putObject("plan"));
    return header;
  }

  private void model(ObjectNode node) {
    var config = setup.decoder().config();
    node.put("type", config.modelType())
        .put("layers", config.layers())
        .put("hidden", config.hidden())
        .put("vocabulary", config.vocabulary())
        .put("compute", setup.decoder().compute().name());
  }

  private void adapter(ObjectNode node) {
    var adapter = setup.adapter();
    node.put("rank", adapter.config().rank())
        .put("alpha", adapter.config().alpha())
        .put("dropout", adapter.config().dropout())
        .put("modules", adapter.layers().size())
        .put("parameters", adapter.parameterCount());
  }

  private void dataset(ObjectNode node) {
    var data = setup.rows().statistics();
    node.put("name", data.name())
        .put("shape", data.shape())
        .put("rows", data.rows())
        .put("tokens", data.tokens())
        .put("supervised_tokens", data.supervised())
        .put("longest", data.longest())
        .put("cut", data.cut())
        .put("dropped", data.dropped());
  }

  private void plan(ObjectNode node) {
    var plan = setup.plan();
    node.put("batch_size", plan.batches().size())
        .put("accumulation", plan.batches().accumulation())
        .put("micro_batch_tokens", plan.batches().tokens())
        .put("shuffled", plan.batches().shuffled())
        .put("seed", plan.batches().seed())
        .put("learning_rate", plan.learningRate().peak())
        .put("schedule", plan.learningRate().schedule().title())
        .put("warmup_steps", plan.learningRate().warmup().of(setup.steps()))
        .put("weight_decay", plan.optimizer().weightDecay())
        .put("max_grad_norm", plan.optimizer().maxGradNorm())
        .put("kept_blocks", setup.keptBlocks());
  }
}
