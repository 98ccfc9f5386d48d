package io.gatun.runtime.train;

import java.time.Duration;

/**
 * What one optimizer step did.
 *
 * @param number from 1
 * @param total steps of the run
 * @param epoch passes over the rows done, with this step
 * @param loss mean over the supervised tokens of the step, before its update
 * @param gradNorm Euclidean norm of all gradients, before clipping
 * @param learningRate the rate of this step's update
 * @param rows rows in the step
 * @param tokens tokens of those rows
 * @param supervised tokens that carried a loss
 * @param computed tokens that went through the model; fewer than {@code tokens} where rows share a
 *     beginning
 * @param duration time of this step
 * @param elapsed time since the run began, without that of evaluations
 */
public record Step(
    int number,
    int total,
    double epoch,
    double loss,
    double gradNorm,
    double learningRate,
    int rows,
    long tokens,
    long supervised,
    long computed,
    Duration duration,
    Duration elapsed) {

  /**
   * Speed of this step.
   *
   * @return tokens of its rows a second
   */
  public double tokensPerSecond() {
    return tokens / Math.max(1e-9, duration.toNanos() * 1e-9);
  }

  /**
   * The time the rest should take, at the average speed so far.
   *
   * @return time left
   */
  public Duration left() {
    return elapsed.multipliedBy(total - number).dividedBy(number);
  }
}
