package io.gatun.runtime.train;

import io.gatun.runtime.model.Loss;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Tells the listener and metrics.jsonl what a run does. */
final class RunRecord {
  private final RunSetup setup;
  private final RunOutput output;
  private final TrainingListener listener;
  private final long begin = System.nanoTime();
  private Duration evaluating = Duration.ZERO;
  private long stepBegin;
  private Optional<Step> last = Optional.empty();

  /** Writes the first line of metrics.jsonl. */
  RunRecord(RunSetup setup, RunOutput output, TrainingListener listener) {
    this.setup = setup;
    this.output = output;
    this.listener = listener;
    output.metrics(RunHeader.of(setup));
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
    List<String> saved = output.checkpoints();
    throw new TrainingException(
        ("Step %d of %d: %s, so the run stopped before this step changed the adapter; try a lower"
                + " learning rate than %s, a warm-up, or compute in fp32.%s")
            .formatted(
                number,
                setup.steps(),
                what,
                setup.plan().learningRate().peak(),
                saved.isEmpty() ? "" : " Saved so far: " + String.join(", ", saved) + "."));
  }

  /** A step is done. */
  void step(int number, List<Task.MicroBatch> batches, Loss loss, double norm, double rate) {
    int[] indices = setup.rows().of(number);
    List<? extends TokenRow> all = setup.task().rows();
    var rows = Arrays.stream(indices).<TokenRow>mapToObj(all::get).toList();
    long now = System.nanoTime();
    var step =
        new Step(
            number,
            setup.steps(),
            setup.rows().epochs(number),
            loss.mean(),
            norm,
            rate,
            rows.size(),
            rows.stream().mapToLong(TokenRow::tokens).sum(),
            rows.stream().mapToLong(TokenRow::supervised).sum(),
            batches.stream().mapToLong(Task.MicroBatch::tokens).sum(),
            Duration.ofNanos(now - stepBegin),
            Duration.ofNanos(now - begin).minus(evaluating));
    last = Optional.of(step);
    output.metrics(line(step));
    listener.step(step);
  }

  /** An evaluation is done; its time counts into no step. */
  void evaluation(Measurement measurement) {
    evaluating = evaluating.plus(measurement.duration());
    output.metrics(line(measurement));
    listener.evaluation(measurement);
  }

  /** The run is over and its result saved. */
  TrainingResult end(TrainingResult result) {
    var line = JsonNodeFactory.instance.objectNode().put("end", result.last().number());
    line.put("kept", result.kept().map(Measurement::step).orElse(result.last().number()));
    line.put("seconds", seconds(result.last().elapsed()));
    line.put("eval_seconds", seconds(result.evaluating()));
    result.remarks().forEach(line.putArray("remarks")::add);
    output.metrics(line);
    return result;
  }

  Step last() {
    return last.orElseThrow();
  }

  private static ObjectNode line(Step step) {
    return JsonNodeFactory.instance
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
        .put("seconds", seconds(step.elapsed()));
  }

  private static ObjectNode line(Measurement measurement) {
    var line = JsonNodeFactory.instance.objectNode();
    var figures = line.putObject("eval");
    measurement.figures().forEach((metric, value) -> figures.put(metric.key(), value));
    return line.put("step", measurement.step())
        .put("epoch", measurement.epoch())
        .put("best", measurement.best())
        .put("eval_seconds", seconds(measurement.duration()));
  }

  private static double seconds(Duration duration) {
    return duration.toNanos() * 1e-9;
  }
}
