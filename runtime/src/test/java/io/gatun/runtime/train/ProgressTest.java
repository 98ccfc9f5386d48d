package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

  /** Step number {@code n} of 5: loss n, 100 tokens, a second, held-out loss at the last. */
  private static Step step(int n) {
    var heldOut = n == 5 ? OptionalDouble.of(9) : OptionalDouble.empty();
    var second = Duration.ofSeconds(1);
    return new Step(
        n, 5, n / 5.0, n, 0.5, 1e-3, 4, 100, 20, 60, second, second.multipliedBy(n), heldOut);
  }

  private List<String> lines() {
    return bytes.toString(StandardCharsets.UTF_8).lines().toList();
  }

  @Test
  void linesComeAtIntervalsWithTheMeanLossSinceTheLast() {
    try (var progress = Progress.lines(out, 2)) {
      for (int n = 1; n <= 5; n++) {
        progress.accept(step(n));
      }
    }
    assertEquals(
        List.of(
            "step 1/5  epoch 0.20  loss 1.0000  grad 0.500  lr 1.00e-03  100 tok/s  0:04 left",
            "step 2/5  epoch 0.40  loss 2.0000  grad 0.500  lr 1.00e-03  100 tok/s  0:03 left",
            "step 4/5  epoch 0.80  loss 3.5000  grad 0.500  lr 1.00e-03  100 tok/s  0:01 left",
            "step 5/5  epoch 1.00  loss 5.0000  grad 0.500  lr 1.00e-03  100 tok/s  0:00 left"
                + "  held-out loss 9.0000"),
        lines());
  }

  @Test
  void aBarShowsLossAndSpeed() {
    try (var progress = Progress.bar(out, 2)) {
      for (int n = 1; n <= 5; n++) {
        progress.accept(step(n));
      }
    }
    String shown = bytes.toString(StandardCharsets.UTF_8);
    assertTrue(shown.contains("5/5"), shown);
    assertTrue(shown.contains("loss 5.0000, held out 9.0000"), shown);
  }

  @Test
  void speedAndTimeLeftFollowFromAStep() {
    assertEquals(100, step(2).tokensPerSecond());
    assertEquals(Duration.ofSeconds(3), step(2).left());
    assertThrows(IllegalArgumentException.class, () -> Progress.lines(out, 0));
  }
}
