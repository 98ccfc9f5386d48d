package io.gatun.runtime.train;

import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.Loss;
import java.lang.foreign.Arena;
import java.util.Optional;

/** Trains an adapter on a model that does not change. */
public final class Training {
  private Training() {}

  /**
   * Trains an adapter.
   *
   * @param decoder the base
   * @param adapter what is trained, in place
   * @param rows what it is trained on
   * @param plan how the run goes
   * @param listener told of every step, on this thread
   * @return how the run ended
   * @throws TrainingException where rows do not suit the model, the output folder is taken, or loss
   *     or gradient are no longer finite
   */
  public static TrainingResult run(
      Decoder decoder,
      LoraAdapter adapter,
      Dataset rows,
      TrainingPlan plan,
      TrainingListener listener) {
    return run(decoder, adapter, rows, Optional.empty(), plan, listener);
  }

  /**
   * Trains an adapter and measures it on held-out rows: before the first step, as often as the plan
   * says, and after the last step.
   *
   * @param decoder the base
   * @param adapter what is trained, in place; in the end that of the best evaluation, where the
   *     plan keeps it
   * @param rows what it is trained on
   * @param heldOut what it is measured on
   * @param plan how the run goes
   * @param listener told of every step and evaluation, on this thread
   * @return how the run ended
   * @throws TrainingException where rows do not suit the model, the plan does not suit the rows,
   *     the output folder is taken, or loss or gradient are no longer finite
   */
  public static TrainingResult run(
      Decoder decoder,
      LoraAdapter adapter,
      Dataset rows,
      Optional<HeldOut> heldOut,
      TrainingPlan plan,
      TrainingListener listener) {
    return run(new LanguageTask(decoder, adapter, rows, heldOut, plan), plan, listener);
  }

  /**
   * Trains an adapter of a classifier, its head with it, and measures it on held-out rows: before
   * the first step, as often as the plan says, and after the last step.
   *
   * @param classifier the base
   * @param adapter what is trained, in place; in the end that of the best evaluation, where the
   *     plan keeps it
   * @param rows what it is trained on, with the classifier's labels
   * @param heldOut what it is measured on, with the same labels
   * @param plan how the run goes; its loss is the mean over the rows of a step
   * @param listener told of every step and evaluation, on this thread
   * @return how the run ended
   * @throws TrainingException as of a decoder, or where rows have other labels
   */
  public static TrainingResult run(
      Classifier classifier,
      LoraAdapter adapter,
      ClassificationData rows,
      Optional<ClassificationData> heldOut,
      TrainingPlan plan,
      TrainingListener listener) {
    return run(new ClassificationTask(classifier, adapter, rows, heldOut, plan), plan, listener);
  }

  private static TrainingResult run(Task task, TrainingPlan plan, TrainingListener listener) {
    var setup = new RunSetup(task, plan);
    try (var arena = Arena.ofConfined();
        var output = RunOutput.open(plan.output())) {
      var pass = task.allocate(arena);
      var optimizer = new Optimizer(plan.optimizer(), task.parameters(), pass.gradients(), arena);
      var record = new RunRecord(setup, output, listener);
      var evaluations = new Evaluations(setup, pass, record, output, arena);

      evaluations.before();
      for (int number = 1; number <= setup.steps() && !evaluations.stop(); number++) {
        record.begin();
        pass.zeroGradients();
        var micro = pass.microBatches(setup.rows().of(number));
        var loss = Loss.ZERO;
        for (Task.MicroBatch batch : micro) {
          loss = loss.plus(batch.computation().run(plan.batches().seed(), number));
        }
        double norm = optimizer.gradientNorm(loss.weight());
        record.requireFinite(number, loss.mean(), norm);
        double rate = plan.learningRate().at(number, setup.steps());
        optimizer.step(rate, norm, loss.weight());

        record.step(number, micro, loss, norm, rate);
        evaluations.after(number);
        if (setup.savesAfter(number)) {
          output.checkpoint(number, task::save);
        }
      }
      evaluations.restoreBest();
      output.finish(task::save);
      return record.end(evaluations.result(record.last()));
    }
  }
}
