package io.gatun.runtime.train;

import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Batch;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.Loss;
import io.gatun.runtime.model.Sequence;
import io.gatun.runtime.model.TrainPass;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/** What a run works on, settled before its first step. */
final class RunSetup {
  private final Decoder decoder;
  private final LoraAdapter adapter;
  private final Dataset rows;
  private final Optional<Dataset> heldOut;
  private final TrainingPlan plan;
  private final StepRows stepRows;
  private final int steps;

  /** Refuses rows that do not suit the model. */
  RunSetup(
      Decoder decoder,
      LoraAdapter adapter,
      Dataset rows,
      Optional<Dataset> heldOut,
      TrainingPlan plan) {
    this.decoder = decoder;
    this.adapter = adapter;
    this.rows = rows;
    this.heldOut = heldOut;
    this.plan = plan;
    this.stepRows = new StepRows(rows, plan.batches());
    this.steps = plan.length().steps(stepRows.perEpoch());
    requireFit(rows);
    heldOut.ifPresent(this::requireFit);
  }

  private void requireFit(Dataset dataset) {
    int context = decoder.config().contextLength();
    int vocabulary = decoder.config().vocabulary();
    for (Example row : dataset.rows()) {
      String place = dataset.statistics().name() + ", row " + row.line();
      if (row.tokens() > context) {
        throw new TrainingException(
            "%s has %,d tokens, the context of the model is %,d; cut rows to that with the maximum length."
                .formatted(place, row.tokens(), context));
      }
      for (int id : row.ids()) {
        if (id < 0 || id >= vocabulary) {
          throw new TrainingException(
              "%s has the token %,d, the model knows %,d; the tokenizer belongs to another model."
                  .formatted(place, id, vocabulary));
        }
      }
    }
  }

  Decoder decoder() {
    return decoder;
  }

  LoraAdapter adapter() {
    return adapter;
  }

  Dataset rows() {
    return rows;
  }

  TrainingPlan plan() {
    return plan;
  }

  StepRows stepRows() {
    return stepRows;
  }

  /** Optimizer steps of the run. */
  int steps() {
    return steps;
  }

  /** Most tokens of a micro-batch. */
  int tokens() {
    int longest = rows.statistics().longest();
    if (heldOut.isPresent()) {
      longest = Math.max(longest, heldOut.get().statistics().longest());
    }
    return Math.max(longest, plan.batches().tokens());
  }

  /** How many blocks keep what the way back needs, the others being computed again. */
  int keptBlocks() {
    int layers = decoder.config().layers();
    return switch (plan.recompute()) {
      case ON -> 0;
      case OFF -> layers;
      case AUTO -> {
        var memory = decoder.device().memory();
        long room = (memory.capacity() - memory.allocated()) / 2;
        int kept = layers;
        while (kept > 0 && TrainPass.memory(decoder, adapter, tokens(), kept).bytes() > room) {
          kept--;
        }
        yield kept;
      }
    };
  }

  /** The micro-batches of a step. */
  List<Batch> microBatches(int number) {
    return microBatches(stepRows.of(number), adapter.config().dropout() == 0);
  }

  /** The loss over held-out rows after a step, where an epoch or the run ends with it. */
  OptionalDouble heldOutLoss(int number, TrainPass pass) {
    if (heldOut.isEmpty() || !(stepRows.endsEpoch(number) || number == steps)) {
      return OptionalDouble.empty();
    }
    var loss = Loss.ZERO;
    for (Batch batch : microBatches(heldOut.get().rows(), true)) {
      loss = loss.plus(pass.evaluate(batch));
    }
    return OptionalDouble.of(loss.mean());
  }

  boolean checkpointAt(int number) {
    int every = plan.output().every();
    return every > 0 && number % every == 0;
  }

  private List<Batch> microBatches(List<Example> examples, boolean mayShare) {
    boolean share = mayShare && !decoder.config().rope().dependsOnLength();
    List<Sequence> sequences = new ArrayList<>();
    int first = 0;
    for (Example example : examples) {
      sequences.add(new Sequence(example.ids(), weights(example), first));
      first += example.tokens();
    }
    return MicroBatches.cut(
            examples.stream().map(Example::ids).toList(), plan.batches().tokens(), share)
        .stream()
        .map(rows -> Batch.pack(rows.stream().map(sequences::get).toList(), share))
        .toList();
  }

  private static float[] weights(Example example) {
    float[] weights = new float[example.tokens()];
    for (int i = 1; i < weights.length; i++) {
      weights[i] = example.learned()[i] ? 1 : 0;
    }
    return weights;
  }
}
