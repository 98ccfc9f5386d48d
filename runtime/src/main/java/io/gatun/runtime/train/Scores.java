package io.gatun.runtime.train;

import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.Loss;
import io.gatun.runtime.model.Target;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What an evaluation yields.
 *
 * @param figures at least one
 * @param byLabel how often each label was right and wrong; none where there are no labels
 * @param confusion which labels were taken for which, where a row has one label
 */
public record Scores(
    Map<Metric, Double> figures, List<LabelCount> byLabel, Optional<ConfusionMatrix> confusion) {
  private static final float APPLIES = 0.5f; // a label that is more probable than not

  /** Copies the figures, in the order of {@link Metric}, and the counts. */
  public Scores {
    figures = Collections.unmodifiableMap(new EnumMap<>(figures));
    byLabel = List.copyOf(byLabel);
  }

  /** The figures of rows with such labels. */
  static Set<Metric> metrics(Labels labels) {
    return switch (labels.problem()) {
      case SINGLE_LABEL -> EnumSet.of(Metric.LOSS, Metric.ACCURACY, Metric.F1);
      case MULTI_LABEL -> EnumSet.of(Metric.LOSS, Metric.F1, Metric.MICRO_F1);
      case REGRESSION ->
          labels.size() == 1 ? EnumSet.of(Metric.LOSS, Metric.PEARSON) : EnumSet.of(Metric.LOSS);
    };
  }

  /**
   * Scores rows that were classified.
   *
   * @param labels what they can be
   * @param actual target of each row
   * @param predicted probabilities of each row; in regression its value
   * @param loss over all rows
   * @return the figures
   */
  public static Scores of(Labels labels, List<Target> actual, List<float[]> predicted, Loss loss) {
    var figures = new EnumMap<Metric, Double>(Metric.class);
    figures.put(Metric.LOSS, loss.mean());
    return switch (labels.problem()) {
      case SINGLE_LABEL -> {
        int[] right = actual.stream().mapToInt(Scores::label).toArray();
        int[] given = predicted.stream().mapToInt(Scores::largest).toArray();
        var confusion = ConfusionMatrix.of(labels.names(), right, given);
        figures.put(Metric.ACCURACY, confusion.accuracy());
        figures.put(Metric.F1, confusion.macroF1());
        yield new Scores(figures, confusion.byLabel(), Optional.of(confusion));
      }
      case MULTI_LABEL -> {
        var score =
            MultiLabelScore.of(
                actual.stream().map(Scores::values).map(Scores::applying).toList(),
                predicted.stream().map(Scores::applying).toList());
        figures.put(Metric.F1, score.macroF1());
        figures.put(Metric.MICRO_F1, score.microF1());
        yield new Scores(figures, score.byLabel(), Optional.empty());
      }
      case REGRESSION -> {
        if (labels.size() == 1) {
          double[] right = actual.stream().mapToDouble(target -> values(target)[0]).toArray();
          double[] given = predicted.stream().mapToDouble(values -> values[0]).toArray();
          figures.put(Metric.PEARSON, RegressionScore.of(right, given).pearson());
        }
        yield new Scores(figures, List.of(), Optional.empty());
      }
    };
  }

  private static int label(Target target) {
    return target instanceof Target.Label(int index) ? index : -1;
  }

  private static float[] values(Target target) {
    return target instanceof Target.Values(float[] values) ? values : new float[0];
  }

  private static int largest(float[] values) {
    int largest = 0;
    for (int i = 1; i < values.length; i++) {
      largest = values[i] > values[largest] ? i : largest;
    }
    return largest;
  }

  private static boolean[] applying(float[] probabilities) {
    boolean[] applying = new boolean[probabilities.length];
    for (int i = 0; i < applying.length; i++) {
      applying[i] = probabilities[i] > APPLIES;
    }
    return applying;
  }
}
