package io.gatun.runtime.train;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Cast;
import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The evaluations of a run: measures when the plan says so, remembers the best parameters, and
 * knows when to stop.
 */
final class Evaluations {
  private final RunSetup setup;
  private final Task.Pass pass;
  private final RunRecord record;
  private final RunOutput output;
  private final Evaluation plan;
  private final Metric metric;
  private final Optional<Matrix> bestParameters; // (1, n) F32, where the best is kept
  private final List<Measurement> all = new ArrayList<>();
  private Optional<Measurement> best = Optional.empty();
  private int withoutImprovement;

  /**
   * Evaluations that have not begun.
   *
   * @param setup of the run
   * @param pass what is measured
   * @param record told of every evaluation
   * @param output gets the best parameters as soon as they are found
   * @param arena owns the copy of the best parameters
   */
  Evaluations(RunSetup setup, Task.Pass pass, RunRecord record, RunOutput output, Arena arena) {
    this.setup = setup;
    this.pass = pass;
    this.record = record;
    this.output = output;
    this.plan = setup.plan().evaluation();
    this.metric = setup.metric();
    boolean keeps = setup.hasEvaluations() && plan.keep() == Evaluation.Keep.BEST;
    this.bestParameters = keeps ? Optional.of(copyOf(setup.task(), arena)) : Optional.empty();
  }

  private static Matrix copyOf(Task task, Arena arena) {
    Matrix parameters = task.parameters();
    var device = parameters.buffer().device();
    return Matrix.allocate(device, "run.best", DType.F32, 1, parameters.cols(), arena);
  }

  /** Measures what there is before the first step, for comparison; it is never the result. */
  void before() {
    if (setup.hasEvaluations()) {
      measure(0);
    }
  }

  /** Measures after a step where one is due. */
  void after(int number) {
    if (!setup.evaluatesAfter(number)) {
      return;
    }
    var measurement = measure(number);
    double value = measurement.figure(metric);
    boolean improved =
        best.map(b -> metric.isBetter(value, b.figure(metric), plan.threshold())).orElse(true);
    withoutImprovement = improved ? 0 : withoutImprovement + 1;
    if (measurement.best()) {
      best = Optional.of(measurement);
      bestParameters.ifPresent(copy -> {
        Cast.run(setup.task().parameters(), copy);
        output.best(number, setup.task()::save);
      });
    }
  }

  private Measurement measure(int number) {
    long begin = System.nanoTime();
    var scores = pass.evaluate();
    double value = Optional.ofNullable(scores.figures().get(metric)).orElseThrow();
    var measurement =
        new Measurement(
            number,
            setup.steps(),
            setup.rows().epochs(number),
            scores.figures(),
            scores.confusion(),
            Duration.ofNanos(System.nanoTime() - begin),
            number > 0 && isBest(value));
    all.add(measurement);
    record.evaluation(measurement);
    return measurement;
  }

  private boolean isBest(double value) {
    return best.map(b -> metric.isBetter(value, b.figure(metric), 0)).orElse(!Double.isNaN(value));
  }

  /** Whether patience is at its end. */
  boolean stop() {
    return plan.patience() > 0 && withoutImprovement >= plan.patience();
  }

  /** Puts the best parameters back, bit for bit, where the plan keeps them. */
  void restoreBest() {
    if (best.isPresent()) {
      bestParameters.ifPresent(copy -> Cast.run(copy, setup.task().parameters()));
    }
  }

  /** How the run ended, after its last step. */
  TrainingResult result(Step last) {
    var kept = bestParameters.isPresent() ? best : Optional.<Measurement>empty();
    return new TrainingResult(last, metric, all, kept, remarks(last));
  }

  private List<String> remarks(Step last) {
    List<String> remarks = new ArrayList<>();
    if (last.number() < last.total()) {
      remarks.add(
          "Stopped early after step %d of %d: no improvement in the last %d evaluations%s."
              .formatted(
                  last.number(),
                  last.total(),
                  withoutImprovement,
                  best.map(b -> "; the best was %s at step %d".formatted(text(b), b.step()))
                      .orElse("")));
    }
    if (best.isPresent() && !isBetterThanBefore(best.get())) {
      remarks.add(
          "No evaluation was better than the one before the first step (%s); the training did not help on the held-out rows."
              .formatted(text(all.getFirst())));
    }
    return remarks;
  }

  private boolean isBetterThanBefore(Measurement measurement) {
    double before = all.getFirst().figure(metric);
    return metric.isBetter(measurement.figure(metric), before, 0);
  }

  private String text(Measurement measurement) {
    return metric.text(measurement.figure(metric));
  }
}
