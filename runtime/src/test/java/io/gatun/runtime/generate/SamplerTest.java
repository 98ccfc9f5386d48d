package io.gatun.runtime.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class SamplerTest {
  private static final float[] LOGITS = {1f, 3f, -2f, 2f, Float.NaN, 3f};

  private static TreeMap<Integer, Integer> histogram(Sampling sampling, int draws) {
    var counts = new TreeMap<Integer, Integer>();
    for (int sequence = 0; sequence < draws; sequence++) {
      counts.merge(
          new Sampler(sampling, sequence, new int[0]).next(LOGITS.clone()), 1, Integer::sum);
    }
    return counts;
  }

  private static Sampling of(float temperature, int k, float p, float minP, float penalty) {
    return new Sampling(temperature, k, p, minP, penalty, 7, 10, List.of());
  }

  @Test
  void greedyTakesTheFirstOfTheLargest() {
    assertEquals(1, new Sampler(Sampling.greedy(5), 0, new int[0]).next(LOGITS.clone()));
  }

  @Test
  void repetitionPenaltyDividesPositiveAndMultipliesNegative() {
    assertEquals(5, new Sampler(of(0, 0, 1, 0, 2), 0, new int[] {1}).next(LOGITS.clone()));
    float[] negative = {-1f, -1.5f};
    assertEquals(1, new Sampler(of(0, 0, 1, 0, 2), 0, new int[] {0}).next(negative));
  }

  @Test
  void frequenciesFollowTheSoftmax() {
    int draws = 20_000;
    var counts = histogram(of(1, 0, 1, 0, 1), draws);
    double total = 2 * Math.exp(3) + Math.exp(2) + Math.exp(1) + Math.exp(-2);
    for (int id : new int[] {0, 1, 2, 3, 5}) {
      double p = Math.exp(LOGITS[id]) / total;
      double fiveSigma = 5 * Math.sqrt(p * (1 - p) / draws);
      assertEquals(p, counts.getOrDefault(id, 0) / (double) draws, fiveSigma, "token " + id);
    }
    assertTrue(!counts.containsKey(4), "NaN is never drawn");
  }

  @Test
  void filtersKeepTheMostLikely() {
    assertEquals(List.of(1, 5), List.copyOf(histogram(of(1, 2, 1, 0, 1), 200).keySet()));
    assertEquals(List.of(1, 5), List.copyOf(histogram(of(1, 0, 0.7f, 0, 1), 200).keySet()));
    assertEquals(List.of(1, 3, 5), List.copyOf(histogram(of(1, 0, 1, 0.3f, 1), 400).keySet()));
    assertEquals(List.of(1), List.copyOf(histogram(of(1, 0, 0.01f, 0, 1), 50).keySet()));
  }

  @Test
  void sameSeedSameTokens() {
    var sampling = of(1.5f, 0, 1, 0, 1);
    var one = new Sampler(sampling, 3, new int[0]);
    var two = new Sampler(sampling, 3, new int[0]);
    for (int i = 0; i < 50; i++) {
      assertEquals(one.next(LOGITS.clone()), two.next(LOGITS.clone()));
    }
  }

  @Test
  void badSettingsAreNamed() {
    var e = assertThrows(IllegalArgumentException.class, () -> of(1, 0, 1.5f, 0, 1));
    assertEquals("top-p is 1.5; it must be above 0 and at most 1", e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> of(-1, 0, 1, 0, 1));
    assertThrows(IllegalArgumentException.class, () -> of(1, -1, 1, 0, 1));
    assertThrows(IllegalArgumentException.class, () -> of(1, 0, 1, 1, 1));
    assertThrows(IllegalArgumentException.class, () -> of(1, 0, 1, 0, 0));
  }
}
