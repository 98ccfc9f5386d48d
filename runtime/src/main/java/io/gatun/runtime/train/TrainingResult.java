package io.gatun.runtime.train;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * How a run ended.
 *
 * @param last the last step
 * @param metric by which evaluations were compared
 * @param evaluations in the order of the run, the first before its first step; none where no rows
 *     are held out
 * @param kept the evaluation whose adapter is the result; empty if that of the last step is
 * @param remarks what somebody should know about the result, in sentences
 */
public record TrainingResult(
    Step last,
    Metric metric,
    List<Measurement> evaluations,
    Optional<Measurement> kept,
    List<String> remarks) {
  /** Copies the lists. */
  public TrainingResult {
    evaluations = List.copyOf(evaluations);
    remarks = List.copyOf(remarks);
  }

  /**
   * Whether the run ended early because it no longer improved.
   *
   * @return true if steps were left
   */
  public boolean stoppedEarly() {
    return last.number() < last.total();
  }

  /**
   * The evaluation of the adapter that is the result.
   *
   * @return the one that was kept, else the last; empty where no rows are held out
   */
  public Optional<Measurement> evaluation() {
    return evaluations.isEmpty()
        ? Optional.empty()
        : kept.or(() -> Optional.of(evaluations.getLast()));
  }

  /**
   * Time spent in evaluations; it is not part of {@link Step#elapsed}.
   *
   * @return the sum
   */
  public Duration evaluating() {
    return evaluations.stream().map(Measurement::duration).reduce(Duration.ZERO, Duration::plus);
  }
}
