package io.gatun.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;

/** Loss and gradients of one optimizer step, in two ways that should not matter. */
record StepOutcome(double loss, float[] gradients) {
  static void assertAlike(String what, StepOutcome expected, StepOutcome actual) {
    assertEquals(expected.loss(), actual.loss(), Golden.tolerance("loss") * expected.loss(), what);
    double tolerance = Golden.tolerance("gradient.relative") * TensorFile.max(expected.gradients());
    TensorFile.assertClose(what, expected.gradients(), actual.gradients(), tolerance);
  }

  static void assertSameBits(String what, StepOutcome expected, StepOutcome actual) {
    assertEquals(expected.loss(), actual.loss(), what);
    assertArrayEquals(expected.gradients(), actual.gradients(), what);
    assertTrue(TensorFile.max(actual.gradients()) > 0, what);
  }
}
