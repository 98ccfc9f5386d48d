package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.ops.Tolerance;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.model.Problem;
import io.gatun.runtime.model.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Accuracy, F1, errors; the expected values are fractions worked out by hand. */
class ScoresTest {
  private static final double TOLERANCE = Tolerance.of(DType.F32, 4).relative();
  private static final List<String> THREE = List.of("a", "b", "c");

  @Test
  void accuracyIsTheShareOfTheDiagonal() {
    var matrix =
        ConfusionMatrix.of(THREE, new int[] {0, 1, 2, 0, 1, 2}, new int[] {0, 2, 1, 0, 0, 1});
    assertEquals(2 / 6.0, matrix.accuracy());
  }

  @Test
  void macroF1IsTheMeanOverLabels() {
    // a: precision 2/3, recall 1; b and c: never right
    var matrix =
        ConfusionMatrix.of(THREE, new int[] {0, 1, 2, 0, 1, 2}, new int[] {0, 2, 1, 0, 0, 1});
    assertEquals(4 / 15.0, matrix.macroF1(), TOLERANCE);
    assertEquals(1, ConfusionMatrix.of(THREE, new int[] {0, 1}, new int[] {0, 1}).macroF1());
  }

  @Test
  void labelsThatDoNotOccurAreNotInTheMean() {
    // c is neither actual nor predicted: (1 + 1) / 2, not (1 + 1 + 0) / 3
    assertEquals(1, ConfusionMatrix.of(THREE, new int[] {0, 1}, new int[] {0, 1}).macroF1());
    // c is predicted once and never actual: a 2/3, b 1, c 0
    var matrix = ConfusionMatrix.of(THREE, new int[] {0, 0, 1}, new int[] {0, 2, 1});
    assertEquals(5 / 9.0, matrix.macroF1(), TOLERANCE);
  }

  @Test
  void theTableIsAligned() {
    var actual = new ArrayList<Integer>();
    var predicted = new ArrayList<Integer>();
    for (int i = 0; i < 1234; i++) {
      actual.add(0);
      predicted.add(0);
    }
    actual.addAll(List.of(1, 1));
    predicted.addAll(List.of(1, 0));
    var names = List.of("no", "a label\nwith a long name");
    var matrix =
        ConfusionMatrix.of(
            names,
            actual.stream().mapToInt(i -> i).toArray(),
            predicted.stream().mapToInt(i -> i).toArray());
    assertEquals(
        List.of(
            "actual \\ predicted          no  a label with a long name",
            "no                        1234                         0",
            "a label with a long name     1                         1"),
        matrix.table());
  }

  private static boolean[] several(int... labels) {
    boolean[] has = new boolean[3];
    IntStream.of(labels).forEach(label -> has[label] = true);
    return has;
  }

  @Test
  void severalLabelsAreCountedTogetherAndOneByOne() {
    // F1 of the labels: 2/3, 1, 2/3
    var score =
        MultiLabelScore.of(
            List.of(several(), several(0, 1, 2), several(1, 2)),
            List.of(several(), several(0, 1, 2), several(0, 1)));
    assertEquals(8 / 10.0, score.microF1(), TOLERANCE);
    assertEquals(7 / 9.0, score.macroF1(), TOLERANCE);
  }

  @Test
  void ofSeveralLabelsOneThatDoesNotOccurCountsAsZero() {
    var score = MultiLabelScore.of(List.of(several(0)), List.of(several(0)));
    assertEquals(1, score.microF1());
    assertEquals(1 / 3.0, score.macroF1());
    var none = MultiLabelScore.of(List.of(several()), List.of(several()));
    assertEquals(0, none.microF1() + none.macroF1());
  }

  @Test
  void numbersAreComparedBySquareAndByCorrelation() {
    // deviations (-1, 0, 1) and (-2, 1, 1): covariance 3, squares 2 and 6
    var score = RegressionScore.of(new double[] {1, 2, 3}, new double[] {0, 3, 3});
    assertEquals(2 / 3.0, score.meanSquaredError(), TOLERANCE);
    assertEquals(3 / Math.sqrt(12), score.pearson(), TOLERANCE);
    var opposite = RegressionScore.of(new double[] {1, 2}, new double[] {4, 3});
    assertEquals(-1, opposite.pearson(), TOLERANCE);
    assertTrue(
        Double.isNaN(RegressionScore.of(new double[] {1, 2}, new double[] {1, 1}).pearson()));
  }

  @Test
  void scoresNeedRows() {
    assertThrows(
        IllegalArgumentException.class, () -> ConfusionMatrix.of(THREE, new int[0], new int[0]));
    assertThrows(
        IllegalArgumentException.class, () -> ConfusionMatrix.of(THREE, new int[1], new int[2]));
    assertThrows(IllegalArgumentException.class, () -> MultiLabelScore.of(List.of(), List.of()));
    assertThrows(
        IllegalArgumentException.class, () -> RegressionScore.of(new double[1], new double[0]));
  }

  @Test
  void labelsOneByOne() {
    var matrix =
        ConfusionMatrix.of(THREE, new int[] {0, 1, 2, 0, 1, 0}, new int[] {0, 2, 1, 0, 0, 2});
    var a = matrix.byLabel().getFirst();
    assertEquals(new LabelCount(2, 1, 1), a);
    assertEquals(3, a.support());
    assertEquals(2 / 3.0, a.precision());
    assertEquals(2 / 3.0, a.recall());
    assertEquals(2 / 3.0, a.f1());
    var none = new LabelCount(0, 0, 0);
    assertEquals(0, none.precision() + none.recall() + none.f1());
    assertEquals(
        List.of("a c 1", "b a 1", "b c 1", "c b 1"),
        matrix.confusions().stream()
            .map(c -> c.actual() + " " + c.predicted() + " " + c.rows())
            .toList());
    var twice = ConfusionMatrix.of(THREE, new int[] {0, 2, 2}, new int[] {1, 0, 0});
    assertEquals(
        List.of(
            new ConfusionMatrix.Confusion("c", "a", 2), new ConfusionMatrix.Confusion("a", "b", 1)),
        twice.confusions());
  }

  @Test
  void theSameAnswerForEveryRow() {
    var labels = Labels.of("a", "b", "c");
    var frequent =
        Baseline.of(labels, List.of(new Target.Label(1), new Target.Label(2), new Target.Label(1)));
    assertEquals("most frequent label (b)", frequent.name());
    assertEquals(Set.of(Metric.ACCURACY, Metric.F1), frequent.figures().keySet());
    assertEquals(2 / 3.0, frequent.figures().get(Metric.ACCURACY), TOLERANCE);
    assertEquals(0.8 / 2, frequent.figures().get(Metric.F1), TOLERANCE);
    var several =
        Baseline.of(
            labels.withProblem(Problem.MULTI_LABEL),
            List.of(new Target.Values(1, 0, 1), new Target.Values(0, 0, 1)));
    assertEquals("most frequent label (c)", several.name());
    assertEquals(0.8, several.figures().get(Metric.MICRO_F1), TOLERANCE);
    var mean = Baseline.of(Labels.count(1), List.of(new Target.Values(1), new Target.Values(2)));
    assertEquals("mean (1.500)", mean.name());
    assertEquals(0.25, mean.figures().get(Metric.LOSS), TOLERANCE);
  }
}
