package io.gatun.runtime.train;

import java.util.stream.Collectors;

/** What happens in which step of a run, settled before the first. */
final class RunSetup {
  private final Task task;
  private final TrainingPlan plan;
  private final StepRows rows;
  private final int steps;

  /** Refuses a plan that the task cannot follow. */
  RunSetup(Task task, TrainingPlan plan) {
    this.task = task;
    this.plan = plan;
    this.rows = new StepRows(task.rows().size(), plan.batches());
    this.steps = plan.length().steps(rows.perEpoch());
    requireMeasurable();
  }

  private void requireMeasurable() {
    var evaluation = plan.evaluation();
    if (task.metrics().isEmpty() && evaluation.patience() > 0) {
      throw new TrainingException(
          "Early stopping needs held-out rows to measure on, and there are none; hold some out, or"
              + " set the patience to 0.");
    }
    if (!task.metrics().isEmpty() && !task.metrics().contains(metric())) {
      throw new TrainingException(
          "The metric %s is not measured in this run; %s can be."
              .formatted(
                  metric().flag(),
                  task.metrics().stream().map(Metric::flag).collect(Collectors.joining(", "))));
    }
  }

  Task task() {
    return task;
  }

  TrainingPlan plan() {
    return plan;
  }

  /** Which rows each step takes. */
  StepRows rows() {
    return rows;
  }

  /** Optimizer steps of the run. */
  int steps() {
    return steps;
  }

  /** By which figure evaluations are compared. */
  Metric metric() {
    return plan.evaluation().metric().orElse(task.metric());
  }

  /** Whether there are rows to measure on. */
  boolean hasEvaluations() {
    return !task.metrics().isEmpty();
  }

  /** Whether held-out rows are measured after a step. */
  boolean evaluatesAfter(int number) {
    int every = plan.evaluation().every();
    return hasEvaluations()
        && (number == steps || (every == 0 ? rows.endsEpoch(number) : number % every == 0));
  }

  /** Whether a checkpoint is saved after a step. */
  boolean savesAfter(int number) {
    int every = plan.output().every();
    return every > 0 && number % every == 0;
  }
}
