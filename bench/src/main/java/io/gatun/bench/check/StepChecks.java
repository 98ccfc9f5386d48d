package io.gatun.bench.check;

import io.gatun.bench.shape.Rows;
import io.gatun.bench.shape.Shape;
import io.gatun.bench.shape.ShapeRun;
import io.gatun.bench.shape.StepTimes;
import io.gatun.kernels.DType;
import io.gatun.quant.WeightFormat;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.train.TrainingPlan.Recompute;
import java.util.List;

/** Training steps of large shapes: targets 1, 2 and 9. */
final class StepChecks {
  private static final LoraConfig RANK_16 = LoraConfig.defaults().withRank(16, 32);

  private StepChecks() {}

  /** The shape, or a small one. */
  private static String shape(Bench bench, String full) {
    return bench.scale() == Bench.Scale.FULL ? full : "smollm2-135m";
  }

  private static ShapeRun run(
      Bench bench, String shape, WeightFormat format, Rows rows, Recompute recompute) {
    boolean full = bench.scale() == Bench.Scale.FULL;
    var config = Shape.of(shape(bench, shape)).config();
    return new ShapeRun(
        full ? config : config.withLayers(2),
        format,
        DType.BF16,
        RANK_16,
        full ? rows : new Rows(rows.count(), rows.length() / 64),
        recompute,
        false,
        2,
        bench.count(7, 2));
  }

  /** Useful arithmetic of a step of 8192 tokens, and the price of 4 bit. */
  static List<Figure> step(Bench bench) {
    var product = Ceilings.product(bench);
    var four = run(bench, "llama-8b", WeightFormat.nf4(), new Rows(4, 2048), Recompute.AUTO);
    var one = run(bench, "llama-8b", WeightFormat.nf4(), new Rows(1, 8192), Recompute.AUTO);
    var dense = run(bench, "llama-8b", WeightFormat.bf16(), new Rows(4, 2048), Recompute.AUTO);
    double before = bench.seconds(product)[0];
    var times = measure(bench, four);
    double ceiling = Ceilings.productFlops(bench) / ((before + bench.seconds(product)[0]) / 2);
    var longRow = measure(bench, one);
    var resident = measure(bench, dense);
    var few = run(bench, "llama-8b", WeightFormat.nf4(), new Rows(1, 512), Recompute.AUTO);
    return List.of(
        rate(four, times, ceiling, 0.75),
        rate(one, longRow, ceiling, 0.70),
        Figure.of(
            2,
            "the same step beside one of a bf16 base",
            tokensPerSecond(dense, resident) + " tokens/s of the bf16 base",
            resident.median() / times.median(),
            Bar.atLeast(0.97),
            "of its tokens a second"),
        once(few, measure(bench, few), measure(bench, few.withWeightsDecodedOnce())),
        Figure.missing(
            2,
            "the same step beside PyTorch + PEFT",
            "PyTorch is not part of this; bench/peers holds the script"));
  }

  private static Figure rate(ShapeRun run, StepTimes times, double ceiling, double limit) {
    double rate = run.flops().total() / times.median() * 1e3;
    return Figure.of(
        1,
        "NF4 LoRA step, %d layers, %s, %d recomputed"
            .formatted(times.layers(), run.rows(), times.layers() - times.keptBlocks()),
        "%s tokens/s, %s TFLOP/s"
            .formatted(tokensPerSecond(run, times), Figure.number(rate / 1e12)),
        rate / ceiling,
        Bar.atLeast(limit),
        Ceilings.PRODUCT);
  }

  /** What decoding once saves where a step has few tokens. */
  private static Figure once(ShapeRun run, StepTimes each, StepTimes once) {
    return Figure.of(
        2,
        "a step of %s tokens with weights decoded once, beside each time".formatted(run.rows()),
        "%s and %s tokens/s".formatted(tokensPerSecond(run, once), tokensPerSecond(run, each)),
        each.median() / once.median(),
        Bar.atLeast(1),
        "of its tokens a second");
  }

  private static String tokensPerSecond(ShapeRun run, StepTimes times) {
    return Figure.number(run.rows().tokens() / times.median() * 1e3);
  }

  private static StepTimes measure(Bench bench, ShapeRun run) {
    return run.measure(bench.device(), System.err::println);
  }

  /** Peaks, with every block recomputed; of 70B four layers are run and the others added. */
  static List<Figure> memory(Bench bench) {
    return List.of(
        peak(bench, "llama-8b", new Rows(1, 2048), 32, 8.0),
        peak(bench, "llama-70b", new Rows(1, 2048), 4, 43),
        peak(bench, "llama-70b", new Rows(1, 4096), 4, 45),
        Figure.missing(
            9,
            "llama-70b under a cap of 24 GB",
            "frozen layers are not streamed from the host in this version"));
  }

  private static Figure peak(Bench bench, String shape, Rows rows, int layers, double limit) {
    var whole = run(bench, shape, WeightFormat.nf4(), rows, Recompute.ON);
    var part = whole.withLayers(Math.min(layers, whole.config().layers()));
    long held = bench.device().memory().allocated();
    var times = measure(bench, part);
    var on = bench.device().kind();
    long forecast = whole.forecast(on, 0).bytes();
    long others = forecast - part.forecast(on, 0).bytes();
    double gigabytes = (times.peak() - held + others) / 1e9;
    return Figure.of(
        9,
        "peak of a step, %s, %s".formatted(shape(bench, shape), whole.rows()),
        Figure.number(gigabytes) + " GB",
        gigabytes,
        Bar.atMost(limit),
        "forecast %s GB; %d of %d layers run"
            .formatted(Figure.number(forecast / 1e9), times.layers(), whole.config().layers()));
  }
}
