package io.gatun.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.ops.Tolerance;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.ObjectMapper;

class LabelsTest {
  private static Labels read(String json) {
    return Labels.read(new ObjectMapper().readTree("{" + json + "}"));
  }

  private static String refusal(String json) {
    return assertThrows(UnsupportedException.class, () -> read(json)).getMessage();
  }

  @Test
  void readsWhatConfigsSay() {
    assertEquals(Labels.count(2), read(""));
    assertEquals(Labels.count(5), read("\"num_labels\": 5"));
    assertEquals(Labels.of("no", "yes"), read("\"id2label\": {\"1\": \"yes\", \"0\": \"no\"}"));
    assertEquals(Problem.REGRESSION, read("\"id2label\": {\"0\": \"score\"}").problem());
    assertEquals(
        Problem.MULTI_LABEL,
        read("\"num_labels\": 3, \"problem_type\": \"multi_label_classification\"").problem());
    assertEquals(Labels.count(2), read("\"problem_type\": null"));
  }

  @Test
  void writtenIsReadBack() {
    var labels = new Labels(List.of("a", "b"), Problem.REGRESSION);
    var json = new ObjectMapper().createObjectNode();
    labels.write(json);
    assertEquals(labels, Labels.read(json));
    assertEquals(1, json.path("label2id").path("b").intValue());
  }

  @Test
  void refusesWhatMakesNoSense() {
    assertTrue(refusal("\"id2label\": {\"0\": \"a\", \"2\": \"b\"}").contains("1 has none"));
    assertTrue(refusal("\"id2label\": {\"0\": \"a\", \"1\": \"a\"}").contains("each its own"));
    assertTrue(refusal("\"problem_type\": \"ranking\"").contains("\"ranking\""));
    assertTrue(refusal("\"num_labels\": 0").contains("at least one label"));
    assertTrue(refusal("\"num_labels\": 2000000000").contains("not 2,000,000,000"));
    assertTrue(
        refusal("\"num_labels\": 1, \"problem_type\": \"single_label_classification\"")
            .contains("one label alone"));
    assertThrows(IllegalArgumentException.class, () -> Labels.of());
  }

  @Test
  void probabilities() {
    float[] logits = {1000, 999, -1000};
    float[] softmax = HeadLoss.probabilities(logits, Problem.SINGLE_LABEL);
    double first = 1 / (1 + Math.exp(-1));
    Tolerance.of(DType.F32, 1)
        .check(
            "softmax",
            new double[] {first, 1 - first, 0},
            new double[] {softmax[0], softmax[1], softmax[2]});
    assertArrayEquals(new float[] {1, 1, 0}, HeadLoss.probabilities(logits, Problem.MULTI_LABEL));
    assertArrayEquals(logits, HeadLoss.probabilities(logits, Problem.REGRESSION));
  }
}
