package io.gatun.bench.shape;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.quant.WeightFormat;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.plan.MemoryPlan;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/** Arithmetic and memory of known shapes, against figures worked out by hand for their layers. */
class StepFlopsTest {
  private static final LoraConfig RANK_16 = LoraConfig.defaults().withRank(16, 32);

  private static StepFlops flops(String shape, String rows) {
    return StepFlops.of(Shape.of(shape).config(), RANK_16, Rows.parse(rows));
  }

  /** q, o 4096 x 4096; k, v 1024 x 4096; gate, up, down 14336 x 4096; head 128256 x 4096. */
  @Test
  void aStepOfAnEightBillionModel() {
    var step = flops("llama-8b", "4x2048");
    assertEquals("228.70", tera(step.linears()));
    assertEquals("17.21", tera(step.head()));
    assertEquals("15.40", tera(step.attention()));
    assertEquals("2.06", tera(step.lora()));
    assertEquals("263.4", String.format(Locale.ROOT, "%.1f", step.total() / 1e12));
    assertEquals("61.58", tera(flops("llama-8b", "8192").attention()));
  }

  @Test
  void arithmeticOfOneToken() {
    assertEquals("0.629", billions("%.3f", flops("smollm2-135m", "512").total() / 512));
    assertEquals("5.13", giga(flops("llama-1b", "512").total() / 512));
  }

  /** A token behind the window sees as many as the window holds. */
  @Test
  void aWindowLimitsAttention() {
    var config = ShapeRunTest.golden("tiny_mistral_sw").config();
    int window = config.windows().getFirst();
    double all = StepFlops.of(config.withLayers(1), RANK_16, new Rows(1, window)).attention();
    double more = StepFlops.of(config.withLayers(1), RANK_16, new Rows(1, window + 1)).attention();
    assertEquals(14.0 * config.queryCols() * window, more - all);
  }

  @Test
  void memoryOfLargeModels() {
    var small = plan("llama-8b", 2048, 0);
    assertEquals("3.60", giga(bytes(small, "base.nf4")));
    assertEquals("2.10", giga(bytes(small, "base.bf16")));
    assertEquals("0.67", giga(bytes(small, "adapter") + bytes(small, "optimizer")));
    var large = plan("llama-70b", 2048, 0);
    assertEquals("35.31", giga(bytes(large, "base.nf4")));
    assertEquals("4.20", giga(bytes(large, "base.bf16")));
    assertEquals("3.31", giga(bytes(large, "adapter") + bytes(large, "optimizer")));
  }

  private static MemoryPlan plan(String shape, int tokens, int kept) {
    return MemoryPlan.training(
        Device.Kind.CPU,
        Shape.of(shape).config(),
        WeightFormat.nf4(),
        DType.BF16,
        RANK_16,
        tokens,
        kept,
        0);
  }

  private static double bytes(MemoryPlan plan, String prefix) {
    return plan.byName().entrySet().stream()
        .filter(e -> e.getKey().startsWith(prefix))
        .mapToLong(e -> e.getValue())
        .sum();
  }

  private static String tera(double value) {
    return String.format(Locale.ROOT, "%.2f", value / 1e12);
  }

  private static String giga(double value) {
    return billions("%.2f", value);
  }

  private static String billions(String format, double value) {
    return String.format(Locale.ROOT, format, value / 1e9);
  }
}
