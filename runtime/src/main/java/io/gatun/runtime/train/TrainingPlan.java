package io.gatun.runtime.train;

import java.nio.file.Path;
import java.util.Optional;

/**
 * How a run goes. A plan is a value; the {@code with} methods give changed copies of it.
 *
 * @param length how long
 * @param batches what goes into an optimizer step
 * @param learningRate the rate and how it moves
 * @param optimizer AdamW and clipping
 * @param recompute whether blocks are computed again on the way back, which saves memory
 * @param output what is left on disk
 * @param evaluation when it is measured on held-out rows, and what follows from that
 */
public record TrainingPlan(
    TrainingLength length,
    Batches batches,
    LearningRate learningRate,
    Optimizer.Settings optimizer,
    Recompute recompute,
    Output output,
    Evaluation evaluation) {

  /**
   * What goes into an optimizer step: {@code size} times {@code accumulation} rows, fewer at the
   * end of an epoch. The step is computed in micro-batches of packed rows; its loss is the mean
   * over all its learned tokens, however it is cut.
   *
   * @param size rows of a batch
   * @param accumulation batches of an optimizer step
   * @param tokens computed tokens of a micro-batch; a longer row has one of its own
   * @param shuffled whether each epoch has an order of its own
   * @param seed of order and dropout
   */
  public record Batches(int size, int accumulation, int tokens, boolean shuffled, long seed) {
    /** Checks that all counts are positive. */
    public Batches {
      if (size < 1 || accumulation < 1 || tokens < 1) {
        throw new IllegalArgumentException(
            "Batch size %d, accumulation %d and tokens of a micro-batch %d must all be at least 1."
                .formatted(size, accumulation, tokens));
      }
      Math.multiplyExact(size, accumulation);
    }

    /**
     * Rows of an optimizer step.
     *
     * @return size times accumulation
     */
    public int rows() {
      return size * accumulation;
    }
  }

  /**
   * What is left on disk.
   *
   * @param folder where metrics.jsonl, checkpoints and the trained adapter go; empty for nowhere
   * @param every steps between two checkpoints; 0 for none
   * @param newest how many of the newest checkpoints stay; 0 for all
   * @param overwrite whether results of an earlier run in the folder may be replaced
   */
  public record Output(Optional<Path> folder, int every, int newest, boolean overwrite) {
    /** Checks the counts. */
    public Output {
      if (every < 0) {
        throw new IllegalArgumentException(
            "Checkpoints come every 1 or more steps, or never with 0, not " + every + ".");
      }
      if (newest < 0) {
        throw new IllegalArgumentException(
            "The newest 1 or more checkpoints stay, or all with 0, not " + newest + ".");
      }
    }

    /**
     * Refuses a folder that a run could not use: for those who want to know before they load a
     * model. A run itself refuses it too.
     *
     * @throws TrainingException where the folder is a file, or holds results that may not be
     *     overwritten
     */
    public void requireFree() {
      folder.ifPresent(used -> RunFolder.requireFree(used, overwrite));
    }
  }

  /** Whether blocks are computed again on the way back. */
  public enum Recompute {
    /** Only where keeping everything takes too much memory. */
    AUTO,
    /** Every block. */
    ON,
    /** No block. */
    OFF
  }

  /**
   * Three epochs in steps of 8 rows, learning rate 2e-4 falling linearly, gradient norm at most 1,
   * seed 42, nothing left on disk.
   *
   * @return the plan
   */
  public static TrainingPlan defaults() {
    return new TrainingPlan(
        new TrainingLength.Epochs(3),
        new Batches(8, 1, 1024, true, 42),
        new LearningRate(2e-4, new Schedule.Linear(), Portion.steps(0)),
        new Optimizer.Settings(0.9, 0.999, 1e-8, 0, 1),
        Recompute.AUTO,
        new Output(Optional.empty(), 0, 0, false),
        Evaluation.defaults());
  }

  /**
   * For so many passes over all rows.
   *
   * @param count more than 0
   * @return the changed plan
   */
  public TrainingPlan withEpochs(double count) {
    return with(new TrainingLength.Epochs(count));
  }

  /**
   * For so many optimizer steps.
   *
   * @param count at least 1
   * @return the changed plan
   */
  public TrainingPlan withSteps(int count) {
    return with(new TrainingLength.Steps(count));
  }

  private TrainingPlan with(TrainingLength changed) {
    return new TrainingPlan(
        changed, batches, learningRate, optimizer, recompute, output, evaluation);
  }

  /**
   * With other batches.
   *
   * @param changed rows of a step, tokens of a micro-batch, order
   * @return the changed plan
   */
  public TrainingPlan with(Batches changed) {
    return new TrainingPlan(
        length, changed, learningRate, optimizer, recompute, output, evaluation);
  }

  /**
   * With so many rows in a batch.
   *
   * @param rows at least 1
   * @return the changed plan
   */
  public TrainingPlan withBatchSize(int rows) {
    return with(
        new Batches(
            rows, batches.accumulation(), batches.tokens(), batches.shuffled(), batches.seed()));
  }

  /**
   * With so many batches in an optimizer step.
   *
   * @param count at least 1
   * @return the changed plan
   */
  public TrainingPlan withAccumulation(int count) {
    return with(
        new Batches(batches.size(), count, batches.tokens(), batches.shuffled(), batches.seed()));
  }

  /**
   * With micro-batches of so many computed tokens.
   *
   * @param tokens at least 1
   * @return the changed plan
   */
  public TrainingPlan withMicroBatchTokens(int tokens) {
    return with(
        new Batches(
            batches.size(), batches.accumulation(), tokens, batches.shuffled(), batches.seed()));
  }

  /**
   * With another seed of order and dropout.
   *
   * @param seed any number
   * @return the changed plan
   */
  public TrainingPlan withSeed(long seed) {
    return with(
        new Batches(
            batches.size(), batches.accumulation(), batches.tokens(), batches.shuffled(), seed));
  }

  /**
   * With another learning rate.
   *
   * @param changed rate, schedule and warm-up
   * @return the changed plan
   */
  public TrainingPlan with(LearningRate changed) {
    return new TrainingPlan(length, batches, changed, optimizer, recompute, output, evaluation);
  }

  /**
   * With another peak of the learning rate.
   *
   * @param peak the rate that the schedule multiplies
   * @return the changed plan
   */
  public TrainingPlan withLearningRate(double peak) {
    return with(new LearningRate(peak, learningRate.schedule(), learningRate.warmup()));
  }

  /**
   * With another schedule.
   *
   * @param schedule how the rate moves
   * @param warmup the first steps, in which it rises
   * @return the changed plan
   */
  public TrainingPlan withSchedule(Schedule schedule, Portion warmup) {
    return with(new LearningRate(learningRate.peak(), schedule, warmup));
  }

  /**
   * With another optimizer.
   *
   * @param changed moments, weight decay and clipping
   * @return the changed plan
   */
  public TrainingPlan with(Optimizer.Settings changed) {
    return new TrainingPlan(length, batches, learningRate, changed, recompute, output, evaluation);
  }

  /**
   * With or without computing blocks again.
   *
   * @param changed the choice
   * @return the changed plan
   */
  public TrainingPlan with(Recompute changed) {
    return new TrainingPlan(length, batches, learningRate, optimizer, changed, output, evaluation);
  }

  /**
   * With results on disk.
   *
   * @param changed folder and checkpoints
   * @return the changed plan
   */
  public TrainingPlan with(Output changed) {
    return new TrainingPlan(
        length, batches, learningRate, optimizer, recompute, changed, evaluation);
  }

  /**
   * With other evaluations.
   *
   * @param changed when, by what, and what follows
   * @return the changed plan
   */
  public TrainingPlan with(Evaluation changed) {
    return new TrainingPlan(length, batches, learningRate, optimizer, recompute, output, changed);
  }

  /**
   * With results in a folder that holds none yet.
   *
   * @param folder created if absent
   * @return the changed plan
   */
  public TrainingPlan withOutput(Path folder) {
    return with(
        new Output(Optional.of(folder), output.every(), output.newest(), output.overwrite()));
  }
}
