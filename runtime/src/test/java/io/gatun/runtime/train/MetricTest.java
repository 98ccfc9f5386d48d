package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class MetricTest {
  @Test
  void namesAreThoseOfFlags() {
    assertEquals(Metric.EXACT_MATCH, Metric.named("exact-match"));
    assertEquals(Metric.EXACT_MATCH, Metric.named("exact_match"));
    assertEquals(Metric.LOSS, Metric.named("eval_loss"));
    assertEquals(Metric.F1, Metric.named("F1"));
    var e = assertThrows(IllegalArgumentException.class, () -> Metric.named("bleu"));
    assertEquals(
        "There is no metric \"bleu\"; there are loss, perplexity, exact-match, accuracy, f1,"
            + " micro-f1, pearson.",
        e.getMessage());
  }

  @Test
  void lossesAreBetterLowAndSharesHigh() {
    assertTrue(Metric.LOSS.isBetter(1, 2, 0));
    assertFalse(Metric.LOSS.isBetter(2, 2, 0));
    assertFalse(Metric.LOSS.isBetter(1, 2, 1));
    assertTrue(Metric.ACCURACY.isBetter(0.75, 0.5, 0));
    assertFalse(Metric.ACCURACY.isBetter(0.75, 0.5, 0.25));
    assertFalse(Metric.EXACT_MATCH.isBetter(0.25, 0.5, 0));
    for (Metric metric : Metric.values()) {
      assertFalse(metric.isBetter(Double.NaN, 1, 0));
      assertFalse(metric.isBetter(1, Double.NaN, 0));
    }
  }

  @Test
  void figuresReadWell() {
    assertEquals("loss 1.2346", Metric.LOSS.text(1.23456));
    assertEquals("perplexity 3.44", Metric.PERPLEXITY.text(3.4412));
    assertEquals("exact match 7.0 %", Metric.EXACT_MATCH.text(0.07));
    assertEquals("macro F1 0.5000", Metric.F1.text(0.5));
  }
}
