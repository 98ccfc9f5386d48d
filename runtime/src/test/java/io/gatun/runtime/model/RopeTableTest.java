package io.gatun.runtime.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Frequencies as transformers 5.17 computes them, for a head dimension of 16. */
class RopeTableTest {
  private static final RopeScaling.LongRope LONG =
      new RopeScaling.LongRope(
          List.of(1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7),
          List.of(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.5),
          64,
          1.1547005383792517f);

  @Test
  void linear() {
    check(
        new RopeTable(10000, 16, new RopeScaling.Linear(4)),
        1,
        0.25,
        0.07905694097280502,
        0.02500000037252903,
        0.007905694656074047,
        0.0024999999441206455,
        0.0007905694656074047,
        0.0002500000118743628,
        7.905694656074047e-05);
  }

  @Test
  void llama3() {
    check(
        new RopeTable(500000, 16, new RopeScaling.Llama3(8, 1, 4, 64)),
        1,
        1.0,
        0.07940301299095154,
        0.004700753837823868,
        0.0009115831344388425,
        0.00017677668074611574,
        3.428102354519069e-05,
        6.647869668086059e-06,
        1.289173155782919e-06);
  }

  @Test
  void dynamicGrowsWithTheSequenceOnly() {
    var rope = new RopeTable(10000, 16, new RopeScaling.Dynamic(4, 64));
    assertTrue(rope.dependsOnLength());
    check(
        rope,
        100,
        1.0,
        0.2672230005264282,
        0.07140812277793884,
        0.01908189244568348,
        0.005099120084196329,
        0.0013626019936054945,
        0.00036411857581697404,
        9.730085002956912e-05);
    check(
        rope,
        20,
        1.0,
        0.3162277638912201,
        0.10000000149011612,
        0.03162277862429619,
        0.009999999776482582,
        0.003162277862429619,
        0.0010000000474974513,
        0.0003162277862429619);
  }

  @Test
  void yarn() {
    check(
        new RopeTable(10000, 16, new RopeScaling.Yarn(4, 64, 32, 1, true, 1)),
        1,
        1.0,
        0.23717081546783447,
        0.04999999701976776,
        0.007905694656074047,
        0.0024999999441206455,
        0.0007905694656074047,
        0.0002500000118743628,
        7.905694656074047e-05);
    check(
        new RopeTable(10000, 16, new RopeScaling.Yarn(16, 256, 16, 2, false, 1)),
        1,
        1.0,
        0.28535008430480957,
        0.03833049535751343,
        0.0019764236640185118,
        0.0006249999860301614,
        0.00019764236640185118,
        6.25000029685907e-05,
        1.9764236640185118e-05);
  }

  @Test
  void longRopeHasTwoLists() {
    check(
        new RopeTable(10000, 16, LONG),
        20,
        1.0,
        0.2874797582626343,
        0.0833333358168602,
        0.024325214326381683,
        0.0071428571827709675,
        0.0021081853192299604,
        0.0006249999860301614,
        0.0001860163320088759);
    check(
        new RopeTable(10000, 16, LONG),
        100,
        1.0,
        0.15811388194561005,
        0.03333333507180214,
        0.007905694656074047,
        0.0020000000949949026,
        0.0005270463298074901,
        0.0001428571413271129,
        3.720326640177518e-05);
  }

  @Test
  void divisorsOfGgufDivide() {
    var divisors = List.of(1.0, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0);
    float[] plain = new RopeTable(10000, 16, new RopeScaling.None()).frequencies(1);
    float[] divided = new RopeTable(10000, 16, new RopeScaling.Divisors(divisors)).frequencies(1);
    for (int j = 0; j < plain.length; j++) {
      assertEquals((float) (plain[j] / divisors.get(j)), divided[j]);
    }
  }

  @Test
  void cosineAndSineAreScaledByTheAttentionFactor() {
    var rope = new RopeTable(10000, 16, LONG);
    float[] frequencies = rope.frequencies(20);
    float[] cos = new float[16];
    float[] sin = new float[16];
    rope.fill(3, frequencies, 1, cos, sin);
    for (int j = 0; j < 8; j++) {
      assertEquals(LONG.attentionFactor() * (float) Math.cos(3 * frequencies[j]), cos[8 + j]);
      assertEquals(LONG.attentionFactor() * (float) Math.sin(3 * frequencies[j]), sin[8 + j]);
      assertEquals(0, cos[j]);
    }
  }

  @Test
  void refusesListsOfAnotherLength() {
    var message =
        assertThrows(IllegalArgumentException.class, () -> new RopeTable(10000, 32, LONG))
            .getMessage();
    assertEquals("rope short_factor has 8 values, the head dimension needs 16", message);
  }

  private static void check(RopeTable rope, int length, double... expected) {
    float[] actual = rope.frequencies(length);
    assertEquals(expected.length, actual.length);
    for (int j = 0; j < expected.length; j++) {
      double two = 2 * Math.ulp((float) expected[j]);
      assertEquals(expected[j], actual[j], two, "frequency " + j);
    }
  }
}
