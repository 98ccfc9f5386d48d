package io.gatun.runtime.train;

/**
 * The learning rate of a run.
 *
 * @param peak the rate that the schedule multiplies, positive
 * @param schedule how it moves
 * @param warmup the first steps, in which it rises from 0
 */
public record LearningRate(double peak, Schedule schedule, Portion warmup) {
  /** Checks the peak, and that a constant rate has no warm-up. */
  public LearningRate {
    if (!(peak >= 0 && peak < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "The learning rate is a number from 0, not " + peak + "; 2e-4 is usual for LoRA.");
    }
    if (schedule instanceof Schedule.Constant && warmup.of(Integer.MAX_VALUE) > 0) {
      throw new IllegalArgumentException(
          "The schedule \"constant\" has no warm-up; choose \"constant_with_warmup\" or no warm-up"
              + " steps.");
    }
  }

  /**
   * The rate of one step.
   *
   * @param number the step, from 1
   * @param total steps of the run
   * @return the rate
   */
  public double at(int number, int total) {
    return schedule.learningRate(number - 1, warmup.of(total), total, peak);
  }
}
