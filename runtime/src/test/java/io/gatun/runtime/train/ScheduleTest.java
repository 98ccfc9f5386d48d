package io.gatun.runtime.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

class ScheduleTest {
  private static final double RELATIVE = Golden.tolerance("schedule.relative");

  @Test
  void schedulesGiveTheRatesOfTransformers() {
    Golden.files("optim", "schedules.json")
        .run(file -> {
          JsonNode cases = new ObjectMapper().readTree(file.path().toFile());
          assertTrue(cases.size() >= 12);
          cases.properties().forEach(c -> compare(c.getKey(), c.getValue()));
        });
  }

  private static void compare(String name, JsonNode golden) {
    Schedule schedule = schedule(golden.get("kind").asString(), golden.get("kwargs"));
    JsonNode rates = golden.get("lr_at_step_index");
    int warmup = golden.get("warmup").asInt();
    int total = golden.get("total").asInt();
    double peak = golden.get("base_lr").asDouble();
    for (int step = 0; step < rates.size(); step++) {
      double expected = rates.get(step).asDouble();
      double actual = schedule.learningRate(step, warmup, total, peak);
      assertEquals(expected, actual, expected * RELATIVE, name + ", step " + step);
    }
  }

  private static Schedule schedule(String kind, JsonNode settings) {
    return switch (kind) {
      case "cosine" ->
          settings.has("num_cycles")
              ? new Schedule.Cosine(settings.get("num_cycles").asDouble())
              : Schedule.named(kind);
      case "cosine_with_restarts" ->
          new Schedule.CosineWithRestarts(settings.get("num_cycles").asInt());
      case "polynomial" ->
          new Schedule.Polynomial(
              settings.get("lr_end").asDouble(), settings.get("power").asDouble());
      case "cosine_with_min_lr" ->
          new Schedule.CosineWithFloor(0.5, settings.get("min_lr_rate").asDouble());
      case "warmup_stable_decay" ->
          new Schedule.WarmupStableDecay(Portion.steps(settings.get("num_decay_steps").asInt()), 0);
      default -> Schedule.named(kind);
    };
  }

  @Test
  void everyNamedScheduleStartsAndEndsWhereItShould() {
    for (String name : Schedule.NAMES) {
      Schedule schedule = Schedule.named(name);
      assertEquals(name, schedule.title());
      boolean warms = !name.equals("constant");
      assertEquals(warms ? 0 : 1, schedule.learningRate(0, 10, 100, 1), name);
      assertEquals(1, schedule.learningRate(10, 10, 100, 1), RELATIVE, name);
      assertTrue(schedule.learningRate(100, 10, 100, 1) <= 1, name);
    }
  }

  @Test
  void anUnknownNameListsTheKnownOnes() {
    var e = assertThrows(IllegalArgumentException.class, () -> Schedule.named("cosin"));
    assertTrue(e.getMessage().contains("cosin") && e.getMessage().contains("warmup_stable_decay"));
  }

  @Test
  void aConstantRateRefusesAWarmup() {
    var e =
        assertThrows(
            IllegalArgumentException.class,
            () -> new LearningRate(1e-3, new Schedule.Constant(), Portion.share(0.1)));
    assertTrue(e.getMessage().contains("constant_with_warmup"));
    assertEquals(1e-3, new LearningRate(1e-3, new Schedule.Constant(), Portion.steps(0)).at(1, 9));
  }

  @Test
  void aShareOfTheStepsIsRoundedUp() {
    assertEquals(2, Portion.share(0.2).of(6));
    assertEquals(0, Portion.share(0).of(6));
    assertEquals(4, Portion.steps(4).of(6));
    assertThrows(IllegalArgumentException.class, () -> Portion.share(1.5));
    assertThrows(IllegalArgumentException.class, () -> Portion.steps(-1));
  }
}
