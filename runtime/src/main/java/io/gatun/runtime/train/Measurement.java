package io.gatun.runtime.train;

import java.time.Duration;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What one evaluation found.
 *
 * @param step optimizer steps done; 0 before the first
 * @param total steps of the run
 * @param epoch passes over the rows done
 * @param figures at least one
 * @param confusion which labels were taken for which, where a row has one label of several
 * @param duration time it took
 * @param best whether no evaluation after the first step was better so far
 */
public record Measurement(
    int step,
    int total,
    double epoch,
    Map<Metric, Double> figures,
    Optional<ConfusionMatrix> confusion,
    Duration duration,
    boolean best) {
  /** Copies the figures, in the order of {@link Metric}. */
  public Measurement {
    figures = Collections.unmodifiableMap(new EnumMap<>(figures));
  }

  /**
   * One figure.
   *
   * @param metric which
   * @return its value
   * @throws IllegalArgumentException if it was not measured
   */
  public double figure(Metric metric) {
    return Optional.ofNullable(figures.get(metric))
        .orElseThrow(
            () -> new IllegalArgumentException("the " + metric.flag() + " was not measured"));
  }

  /**
   * All figures in a line.
   *
   * @return for example {@code loss 1.2345 perplexity 3.44}
   */
  public String text() {
    return figures.entrySet().stream()
        .map(figure -> figure.getKey().text(figure.getValue()))
        .collect(Collectors.joining("  "));
  }
}
