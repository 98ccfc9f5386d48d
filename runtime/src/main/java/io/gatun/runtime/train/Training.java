package io.gatun.runtime.train;

import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Batch;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.Loss;
import io.gatun.runtime.model.TrainPass;
import java.lang.foreign.Arena;
import java.util.Optional;
import java.util.function.Consumer;

/** Trains an adapter on a decoder that does not change. */
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
   * @return the last step
   * @throws TrainingException where rows do not suit the model, the output folder is taken, or loss
   *     or gradient are no longer finite
   */
  public static Step run(
      Decoder decoder,
      LoraAdapter adapter,
      Dataset rows,
      TrainingPlan plan,
      Consumer<Step> listener) {
    return run(decoder, adapter, rows, Optional.empty(), plan, listener);
  }

  /**
   * Trains an adapter and measures the loss over held-out rows after each epoch and at the end.
   *
   * @param decoder the base
   * @param adapter what is trained, in place
   * @param rows what it is trained on
   * @param heldOut what it is measured on
   * @param plan how the run goes
   * @param listener told of every step, on this thread
   * @return the last step
   * @throws TrainingException where rows do not suit the model, the output folder is taken, or loss
   *     or gradient are no longer finite
   */
  public static Step run(
      Decoder decoder,
      LoraAdapter adapter,
      Dataset rows,
      Optional<Dataset> heldOut,
      TrainingPlan plan,
      Consumer<Step> listener) {
    var setup = new RunSetup(decoder, adapter, rows, heldOut, plan);
    try (var arena = Arena.ofConfined();
        var output = RunOutput.open(plan.output())) {
      var pass = TrainPass.allocate(decoder, adapter, setup.tokens(), setup.keptBlocks(), arena);
      var gradients = pass.gradients();
      var optimizer = new Optimizer(plan.optimizer(), adapter.parameters(), gradients.sum(), arena);
      var record = new RunRecord(setup, output, listener);

      for (int number = 1; number <= setup.steps(); number++) {
        record.begin();
        gradients.zero();
        var micro = setup.microBatches(number);
        var loss = Loss.ZERO;
        for (Batch batch : micro) {
          loss = loss.plus(pass.run(batch, plan.batches().seed(), number));
        }
        double norm = optimizer.gradientNorm(loss.weight());
        record.requireFinite(number, loss.mean(), norm);
        double rate = plan.learningRate().at(number, setup.steps());
        optimizer.step(rate, norm, loss.weight());

        record.step(number, micro, loss, norm, rate, pass);
        if (setup.checkpointAt(number)) {
          output.checkpoint(number, adapter::save);
        }
      }
      output.finish(adapter::save);
      return record.last();
    }
  }
}
