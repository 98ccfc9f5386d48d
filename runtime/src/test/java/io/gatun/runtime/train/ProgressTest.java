package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

  /** Step number {@code n} of 5: loss n, 100 tokens, a second. */
  private static Step step(int n) {
    var second = Duration.ofSeconds(1);
    return new Step(n, 5, n / 5.0, n, 0.5, 1e-3, 4, 100, 20, 60, second, second.multipliedBy(n));
  }

  private List<String> lines() {
    return bytes.toString(StandardCharsets.UTF_8).lines().toList();
  }

  @Test
  void linesComeAtIntervalsWithTheMeanLossSinceTheLast() {
    try (var progress = Progress.lines(out, 2)) {
      for (int n = 1; n <= 5; n++) {
        progress.step(step(n));
      }
    }
    assertEquals(
        List.of(
            "step 1/5  epoch 0.20  loss 1.0000  grad 0.500  lr 1.00e-03  100 tok/s  0:04 left",
            "step 2/5  epoch 0.40  loss 2.0000  grad 0.500  lr 1.00e-03  100 tok/s  0:03 left",
            "step 4/5  epoch 0.80  loss 3.5000  grad 0.500  lr 1.00e-03  100 tok/s  0:01 left",
            "step 5/5  epoch 1.00  loss 5.0000  grad 0.500  lr 1.00e-03  100 tok/s  0:00 left"),
        lines());
  }

  private static Measurement measurement(int step, boolean best) {
    var figures = Map.of(Metric.LOSS, 2.0, Metric.EXACT_MATCH, 0.075);
    return new Measurement(
        step, 5, step / 5.0, figures, Optional.empty(), Duration.ofMillis(1500), best);
  }

  @Test
  void evaluationsHaveLinesOfTheirOwn() {
    try (var progress = Progress.lines(out, 5)) {
      progress.evaluation(measurement(0, false));
      progress.step(step(1));
      progress.evaluation(measurement(1, true));
    }
    assertEquals(
        List.of(
            "step 0/5  evaluation  loss 2.0000  exact match 7.5 %  1.5 s",
            "step 1/5  epoch 0.20  loss 1.0000  grad 0.500  lr 1.00e-03  100 tok/s  0:04 left",
            "step 1/5  evaluation  loss 2.0000  exact match 7.5 %  1.5 s  best so far"),
        lines());
  }

  @Test
  void aBarShowsLossSpeedAndTheLastEvaluation() {
    try (var progress = Progress.bar(out, 2)) {
      progress.evaluation(measurement(0, false));
      for (int n = 1; n <= 5; n++) {
        progress.step(step(n));
        if (n == 4) {
          progress.evaluation(measurement(4, true));
        }
      }
    }
    String shown = bytes.toString(StandardCharsets.UTF_8);
    assertTrue(shown.startsWith("step 0/5  evaluation  loss 2.0000"), shown);
    assertTrue(shown.contains("5/5"), shown);
    assertTrue(shown.contains("loss 5.0000, held out 2.0000 7.5 %"), shown);
    assertEquals(1, shown.split("evaluation").length - 1, "no line breaks the bar");
  }

  @Test
  void ofAClassifierTheBarShowsTheAccuracy() {
    var figures = Map.of(Metric.LOSS, 2.0, Metric.ACCURACY, 0.785, Metric.F1, 0.75);
    try (var progress = Progress.bar(out, 2)) {
      progress.step(step(1));
      progress.evaluation(
          new Measurement(1, 5, 0.2, figures, Optional.empty(), Duration.ZERO, true));
      progress.step(step(2));
    }
    String shown = bytes.toString(StandardCharsets.UTF_8);
    assertTrue(shown.contains("loss 2.0000, held out 78.5 %, "), shown);
  }

  @Test
  void speedAndTimeLeftFollowFromAStep() {
    assertEquals(100, step(2).tokensPerSecond());
    assertEquals(Duration.ofSeconds(3), step(2).left());
    assertThrows(IllegalArgumentException.class, () -> Progress.lines(out, 0));
  }
}
