package io.gatun.bench.shape;

import io.gatun.kernels.Profile;
import io.gatun.runtime.plan.MemoryPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.node.ObjectNode;

/**
 * What the measured steps mean: tokens a second, useful arithmetic, memory beside its forecast. Of
 * a model of fewer layers, what the whole one would take: the time of a layer is the difference of
 * two measured models, divided by their difference in layers; arithmetic and forecast are exact.
 */
final class ShapeReport {
  private final Shape shape;
  private final ShapeRun run;
  private final String format;
  private final List<StepTimes> measured = new ArrayList<>();

  ShapeReport(Shape shape, ShapeRun run, String format) {
    this.shape = shape;
    this.run = run;
    this.format = format;
  }

  Shape shape() {
    return shape;
  }

  /** The model as asked for, then the smaller one if there is one. */
  void add(StepTimes times) {
    measured.add(times);
  }

  /** Milliseconds that a step of the whole model takes, or would take. */
  double wholeMillis() {
    var first = measured.getFirst();
    if (measured.size() == 1) {
      return first.median();
    }
    var second = measured.getLast();
    double layer = (first.median() - second.median()) / (first.layers() - second.layers());
    return first.median() + (shape.config().layers() - first.layers()) * layer;
  }

  private ShapeRun whole() {
    return run.with(shape.config(), run.decodedOnce());
  }

  private int wholeKept() {
    var first = measured.getFirst();
    return first.keptBlocks() == first.layers() ? shape.config().layers() : 0;
  }

  List<String> lines() {
    var lines = new ArrayList<String>();
    for (var times : measured) {
      lines.addAll(lines(run.withLayers(times.layers()), times));
      times.profile().map(Profile::table).ifPresent(lines::addAll);
    }
    if (measured.size() > 1) {
      lines.add(
          "Extrapolated, not measured: all %d layers take %.1f ms, %.0f tokens/s, %.3f TFLOP/s; forecast %s"
              .formatted(
                  shape.config().layers(),
                  wholeMillis(),
                  perSecond(wholeMillis()),
                  teraflops(whole(), wholeMillis()),
                  gigabytes(forecast(whole(), wholeKept()).bytes())));
    }
    return lines;
  }

  private List<String> lines(ShapeRun of, StepTimes times) {
    var flops = of.flops();
    return List.of(
        "%s: %d of %d layers, %d recomputed, %s tokens, rank %d, %s, %s"
            .formatted(
                shape.name(),
                times.layers(),
                shape.config().layers(),
                times.layers() - times.keptBlocks(),
                run.rows(),
                run.adapter().rank(),
                format,
                run.compute().name().toLowerCase(Locale.ROOT)),
        "  step    %.1f ms, %.0f tokens/s (median of %d; %.1f to %.1f ms)"
            .formatted(
                times.median(),
                perSecond(times.median()),
                times.millis().size(),
                times.fastest(),
                times.slowest()),
        "  useful  %.3f TFLOP: linears %.3f, head %.3f, attention %.3f, LoRA %.3f; %.3f TFLOP/s"
            .formatted(
                flops.total() / 1e12,
                flops.linears() / 1e12,
                flops.head() / 1e12,
                flops.attention() / 1e12,
                flops.lora() / 1e12,
                teraflops(of, times.median())),
        "  memory  %s at most, forecast %s"
            .formatted(
                gigabytes(times.peak()), gigabytes(forecast(of, times.keptBlocks()).bytes())));
  }

  private MemoryPlan forecast(ShapeRun of, int kept) {
    return of.forecast(measured.getFirst().on(), kept);
  }

  private double perSecond(double millis) {
    return run.rows().tokens() / millis * 1e3;
  }

  private static double teraflops(ShapeRun of, double millis) {
    return of.flops().total() / millis / 1e9;
  }

  private static String gigabytes(long bytes) {
    return String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }

  /** Adds everything to a file of results. */
  void describe(ObjectNode results) {
    results.put("benchmark", "training step on random weights");
    results.put("shape", shape.name());
    results.put("tokens", run.rows().toString());
    results.put("rank", run.adapter().rank());
    results.put("quantization", format);
    results.put("dtype", run.compute().name());
    var list = results.putArray("measured");
    for (var times : measured) {
      describe(list.addObject(), run.withLayers(times.layers()), times);
    }
    if (measured.size() > 1) {
      figures(results.putObject("extrapolated"), whole(), wholeMillis(), wholeKept());
    }
  }

  private void describe(ObjectNode node, ShapeRun of, StepTimes times) {
    figures(node, of, times.median(), times.keptBlocks());
    times.millis().forEach(node.putArray("step_ms")::add);
    times.losses().forEach(node.putArray("losses")::add);
    node.put("peak_bytes", times.peak());
    var memory = node.putObject("live_bytes");
    times.byName().forEach(memory::put);
    times.profile().ifPresent(p -> describe(node.putObject("profile"), p));
  }

  private static void describe(ObjectNode node, Profile profile) {
    node.put("ms", profile.millis());
    node.put("busy_ms", profile.busyMillis());
    var operations = node.putArray("operations");
    for (var o : profile.operations()) {
      operations.addObject().put("name", o.name()).put("calls", o.calls()).put("ms", o.millis());
    }
  }

  private void figures(ObjectNode node, ShapeRun of, double millis, int kept) {
    node.put("layers", of.config().layers());
    node.put("recomputed_layers", of.config().layers() - kept);
    node.put("median_ms", millis);
    node.put("tokens_per_second", perSecond(millis));
    node.put("useful_flops", of.flops().total());
    node.put("useful_tflops_per_second", teraflops(of, millis));
    var forecast = forecast(of, kept);
    node.put("forecast_bytes", forecast.bytes());
    var byName = node.putObject("forecast");
    forecast.byName().forEach(byName::put);
  }
}
