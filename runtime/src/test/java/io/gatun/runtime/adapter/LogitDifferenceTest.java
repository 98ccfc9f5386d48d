package io.gatun.runtime.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class LogitDifferenceTest {
  @Test
  void equalLogitsDoNotDiffer() {
    var d = new LogitDifference();
    d.add(new float[] {1, 2, 3}, new float[] {1, 2, 3});
    assertEquals(0, d.maxAbs());
    assertEquals(0, d.rms());
    assertEquals(0, d.meanKl());
    assertEquals(0, d.flips());
    assertEquals(1, d.positions());
  }

  @Test
  void twoTokensByHand() {
    // p = (1/3, 2/3), q = (2/3, 1/3): KL = 1/3 ln(1/2) + 2/3 ln 2 = 1/3 ln 2
    float ln2 = (float) Math.log(2);
    var d = new LogitDifference();
    d.add(new float[] {0, ln2}, new float[] {ln2, 0});
    assertEquals(Math.log(2) / 3, d.meanKl(), Math.ulp(1f));
    assertEquals(ln2, d.maxAbs());
    assertEquals(ln2, d.rms(), Math.ulp(1f));
    assertEquals(1, d.flips());
  }

  @Test
  void aShiftChangesLogitsButNotTheDistribution() {
    var d = new LogitDifference();
    d.add(new float[] {1, 2, 3}, new float[] {2, 3, 4});
    assertEquals(1, d.maxAbs());
    assertEquals(0, d.meanKl(), Math.ulp(1f));
    assertEquals(0, d.flips());
  }

  @Test
  void differentVocabulariesAreRefused() {
    var d = new LogitDifference();
    var e =
        assertThrows(
            IllegalArgumentException.class, () -> d.add(new float[] {1}, new float[] {1, 2}));
    assertEquals(
        "logits have 1 and 2 entries; the models have different vocabularies", e.getMessage());
  }
}
