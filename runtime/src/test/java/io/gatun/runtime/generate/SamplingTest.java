package io.gatun.runtime.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

class SamplingTest {
  private static Sampling of(float temperature, int k, float p, float minP, float penalty) {
    return new Sampling(temperature, k, p, minP, penalty, 7, 10, List.of());
  }

  @Test
  void badSettingsAreNamed() {
    var e = assertThrows(IllegalArgumentException.class, () -> of(1, 0, 1.5f, 0, 1));
    assertEquals("top-p is 1.5; it must be above 0 and at most 1", e.getMessage());
    assertThrows(IllegalArgumentException.class, () -> of(-1, 0, 1, 0, 1));
    assertThrows(IllegalArgumentException.class, () -> of(1, -1, 1, 0, 1));
    assertThrows(IllegalArgumentException.class, () -> of(1, 0, 1, 1, 1));
    assertThrows(IllegalArgumentException.class, () -> of(1, 0, 1, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> of(1, 0, 1, 0, Float.POSITIVE_INFINITY));
  }
}
