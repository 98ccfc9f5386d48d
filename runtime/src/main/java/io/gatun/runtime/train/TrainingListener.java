package io.gatun.runtime.train;

/** Hears what a run does, on the thread of the run. */
@FunctionalInterface
public interface TrainingListener {
  /**
   * A step is done.
   *
   * @param step what it did
   */
  void step(Step step);

  /**
   * An evaluation is done; the first comes before the first step.
   *
   * @param measurement what it found
   */
  default void evaluation(Measurement measurement) {}
}
