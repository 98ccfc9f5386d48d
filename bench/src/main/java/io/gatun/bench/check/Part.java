package io.gatun.bench.check;

import java.time.Duration;
import java.util.List;
import java.util.function.Function;

/** The parts of a check, in the order in which they run. */
enum Part {
  PRODUCT("the large product", 60, Ceilings::measureProduct),
  COPY("a copy on the device", 60, Ceilings::measureCopy),
  STEP("training step of 8B", 420, StepChecks::step),
  DEQUANTIZE("NF4 dequantize", 120, WeightChecks::dequantize),
  FEW_ROWS("few rows against NF4", 180, WeightChecks::fewRows),
  DECODE("decoding 8B", 240, DecodeChecks::run),
  LORA("LoRA in training", 120, LoraCheck::run),
  ATTENTION("attention", 120, AttentionCheck::run),
  LOSS("head and loss", 120, LossCheck::run),
  MEMORY("memory of training", 300, StepChecks::memory),
  LAUNCH("launches", 60, LaunchCheck::run);

  private final String title;
  private final Duration limit;
  private final Function<Bench, List<Figure>> work;

  Part(String title, int seconds, Function<Bench, List<Figure>> work) {
    this.title = title;
    this.limit = Duration.ofSeconds(seconds);
    this.work = work;
  }

  /** What it measures, in words. */
  String title() {
    return title;
  }

  /** How long it may take. */
  Duration limit() {
    return limit;
  }

  /** Number of the first target that it is about. */
  int target() {
    return switch (this) {
      case PRODUCT, COPY -> 0;
      case STEP -> 1;
      case DEQUANTIZE -> 3;
      case FEW_ROWS -> 4;
      case DECODE -> 5;
      case LORA -> 6;
      case ATTENTION -> 7;
      case LOSS -> 8;
      case MEMORY -> 9;
      case LAUNCH -> 10;
    };
  }

  List<Figure> run(Bench bench) {
    return work.apply(bench);
  }
}
