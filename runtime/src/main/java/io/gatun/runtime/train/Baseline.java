package io.gatun.runtime.train;

import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.Loss;
import io.gatun.runtime.model.Target;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a classifier must surpass: the same answer for every row, whatever its text.
 *
 * @param name of the answer, for people
 * @param figures what it scores
 */
public record Baseline(String name, Map<Metric, Double> figures) {
  /** Copies the figures, in the order of {@link Metric}. */
  public Baseline {
    figures = Collections.unmodifiableMap(new EnumMap<>(figures));
  }

  /**
   * The best such answer: the label that most rows have; in regression, the mean of their values.
   *
   * @param labels what rows can have
   * @param targets of the rows, at least one
   * @return its figures; a loss only in regression
   */
  public static Baseline of(Labels labels, List<Target> targets) {
    return switch (labels.problem()) {
      case SINGLE_LABEL, MULTI_LABEL -> mostFrequent(labels, targets);
      case REGRESSION -> mean(targets);
    };
  }

  private static Baseline mostFrequent(Labels labels, List<Target> targets) {
    int[] counts = new int[labels.size()];
    for (var target : targets) {
      switch (target) {
        case Target.Label(int index) -> counts[index]++;
        case Target.Values(float[] values) -> {
          for (int i = 0; i < values.length; i++) {
            counts[i] += values[i] > 0 ? 1 : 0;
          }
        }
        case Target.Unknown() -> {} // counts for no label
      }
    }
    int best = 0;
    for (int i = 1; i < counts.length; i++) {
      best = counts[i] > counts[best] ? i : best;
    }
    float[] answer = new float[labels.size()];
    answer[best] = 1;
    var answers = Collections.nCopies(targets.size(), answer);
    var figures = new EnumMap<>(Scores.of(labels, targets, answers, Loss.ZERO).figures());
    figures.remove(Metric.LOSS); // an answer without probabilities has none
    return new Baseline("most frequent label (%s)".formatted(labels.names().get(best)), figures);
  }

  private static Baseline mean(List<Target> targets) {
    double[] values =
        targets.stream()
            .mapToDouble(target -> target instanceof Target.Values(float[] value) ? value[0] : 0)
            .toArray();
    double[] answers = new double[values.length];
    double mean = Arrays.stream(values).average().orElseThrow();
    Arrays.fill(answers, mean);
    double error = RegressionScore.of(values, answers).meanSquaredError();
    return new Baseline(
        String.format(Locale.ROOT, "mean (%.4g)", mean), Map.of(Metric.LOSS, error));
  }
}
