package io.gatun.bench.shape;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.quant.WeightFormat;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.train.TrainingPlan.Recompute;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.node.JsonNodeFactory;

/** Steps on random weights learn, and take the memory that was told before. */
class ShapeRunTest {
  static Shape golden(String model) {
    var root = System.getProperty("gatun.root");
    return Shape.of(root + "/quant/src/test/golden/models/" + model + "/config.json");
  }

  private static ShapeRun run(String model, WeightFormat format, Recompute recompute) {
    var config = golden(model).config();
    var adapter = LoraConfig.defaults().withRank(4, 64);
    return new ShapeRun(
        config, format, DType.BF16, adapter, new Rows(2, 16), recompute, false, 1, 8);
  }

  private static Stream<ShapeRun> runs() {
    return Stream.of("tiny_llama", "tiny_mistral_sw", "tiny_qwen2", "tiny_qwen3", "tiny_gemma2")
        .flatMap(model ->
            Stream.of(
                run(model, WeightFormat.nf4(), Recompute.OFF),
                run(model, WeightFormat.bf16(), Recompute.ON)));
  }

  @ParameterizedTest
  @MethodSource("runs")
  void theForecastIsWhatIsTaken(ShapeRun run) {
    try (Device device = Device.cpu()) {
      var times = run.measure(device, _ -> {});
      assertEquals(run.recompute() == Recompute.ON ? 0 : run.config().layers(), times.keptBlocks());
      assertEquals(run.forecast(device.kind(), times.keptBlocks()).byName(), times.byName());
      assertEquals(run.steps(), times.millis().size());
      assertTrue(times.peak() >= run.forecast(device.kind(), times.keptBlocks()).bytes());
      assertEquals(0, device.memory().allocated());
    }
  }

  /** The same rows in each step: the adapter must come to know them. */
  @Test
  void theStepsTrain() {
    try (Device device = Device.cpu()) {
      var losses =
          run("tiny_llama", WeightFormat.nf4(), Recompute.AUTO).measure(device, _ -> {}).losses();
      var falling = new ArrayList<>(losses);
      falling.sort(Collections.reverseOrder());
      assertEquals(falling, losses);
    }
  }

  @Test
  void whatDoesNotFitIsRefusedBeforeItBegins() {
    var config = Shape.of("llama-70b").config();
    var adapter = LoraConfig.defaults();
    var run =
        new ShapeRun(
            config,
            WeightFormat.bf16(),
            DType.F32,
            adapter,
            new Rows(64, 65536),
            Recompute.AUTO,
            false,
            0,
            1);
    try (Device device = Device.cpu()) {
      var e = assertThrows(IllegalArgumentException.class, () -> run.measure(device, _ -> {}));
      assertTrue(e.getMessage().startsWith("80 layers and 64x65536 tokens need "), e.getMessage());
      assertEquals(0, device.memory().allocated());
    }
  }

  /** 10 ms and 3 ms for each layer, measured of 4 and of 2. */
  @Test
  void theWholeModelIsExtrapolatedLayerByLayer() {
    var shape = Shape.of("smollm2-135m");
    var part = run("tiny_llama", WeightFormat.nf4(), Recompute.AUTO);
    var run =
        new ShapeRun(
            shape.config().withLayers(4),
            part.format(),
            part.compute(),
            part.adapter(),
            part.rows(),
            part.recompute(),
            false,
            0,
            3);
    var report = new ShapeReport(shape, run, "nf4");
    report.add(times(4, 22, 30, 20));
    report.add(times(2, 16, 15, 18));
    assertEquals(10 + 3 * 30, report.wholeMillis());
    var results = JsonNodeFactory.instance.objectNode();
    report.describe(results);
    assertEquals(2, results.get("measured").size());
    assertEquals(30, results.at("/extrapolated/layers").asInt());
    assertEquals(100, results.at("/extrapolated/median_ms").asDouble());
    assertEquals(
        StepFlops.of(shape.config(), run.adapter(), run.rows()).total(),
        results.at("/extrapolated/useful_flops").asDouble());
    assertTrue(String.join("\n", report.lines()).contains("Extrapolated, not measured: all 30"));
  }

  private static StepTimes times(int layers, double... millis) {
    var list = Arrays.stream(millis).boxed().toList();
    return new StepTimes(
        Device.Kind.CPU,
        layers,
        layers,
        list,
        List.of(),
        0,
        Collections.emptySortedMap(),
        Optional.empty());
  }
}
