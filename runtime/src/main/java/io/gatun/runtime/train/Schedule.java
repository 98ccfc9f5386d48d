package io.gatun.runtime.train;

import java.util.List;

/**
 * How the learning rate moves: the factor on the peak rate for the s-th optimizer step (from 0) of
 * T, of which the first W warm up with factor s / max(1, W). The formulas after the warm-up are
 * those of transformers' {@code get_scheduler}; p stands for (s − W) / max(1, T − W).
 */
public sealed interface Schedule {
  /** The names that {@link #named} takes. */
  List<String> NAMES =
      List.of(
          "constant",
          "constant_with_warmup",
          "linear",
          "cosine",
          "cosine_with_restarts",
          "cosine_with_min_lr",
          "polynomial",
          "inverse_sqrt",
          "warmup_stable_decay");

  /**
   * The factor after the warm-up.
   *
   * @param step steps done before this one, at least {@code warmup}
   * @param warmup steps of warm-up
   * @param total steps of the run
   * @param peak the learning rate that factors multiply
   * @return the factor
   */
  double afterWarmup(int step, int warmup, int total, double peak);

  /**
   * The learning rate of one step.
   *
   * @param step steps done before this one
   * @param warmup steps of warm-up
   * @param total steps of the run
   * @param peak the learning rate that factors multiply
   * @return the rate
   */
  default double learningRate(int step, int warmup, int total, double peak) {
    if (step < warmup && !(this instanceof Constant)) {
      return peak * (step / (double) Math.max(1, warmup));
    }
    return peak * afterWarmup(step, warmup, total, peak);
  }

  /**
   * A schedule by its usual name, with the usual settings: half a cosine, one restart, a floor of a
   * tenth of the rate for {@code cosine_with_min_lr}, a last tenth of decay for {@code
   * warmup_stable_decay}.
   *
   * @param name one of {@link #NAMES}
   * @return the schedule
   */
  static Schedule named(String name) {
    return switch (name) {
      case "constant" -> new Constant();
      case "constant_with_warmup" -> new ConstantWithWarmup();
      case "linear" -> new Linear();
      case "cosine" -> new Cosine(0.5);
      case "cosine_with_restarts" -> new CosineWithRestarts(1);
      case "cosine_with_min_lr" -> new CosineWithFloor(0.5, 0.1);
      case "polynomial" -> new Polynomial(1e-7, 1);
      case "inverse_sqrt" -> new InverseSqrt();
      case "warmup_stable_decay" -> new WarmupStableDecay(Portion.share(0.1), 0);
      default ->
          throw new IllegalArgumentException(
              "There is no schedule \"%s\"; the schedules are %s."
                  .formatted(name, String.join(", ", NAMES)));
    };
  }

  /**
   * The usual name.
   *
   * @return one of {@link #NAMES}
   */
  default String title() {
    return switch (this) {
      case Constant _ -> "constant";
      case ConstantWithWarmup _ -> "constant_with_warmup";
      case Linear _ -> "linear";
      case Cosine _ -> "cosine";
      case CosineWithRestarts _ -> "cosine_with_restarts";
      case CosineWithFloor _ -> "cosine_with_min_lr";
      case Polynomial _ -> "polynomial";
      case InverseSqrt _ -> "inverse_sqrt";
      case WarmupStableDecay _ -> "warmup_stable_decay";
    };
  }

  private static double halfCosine(double x) {
    return 0.5 * (1 + Math.cos(Math.PI * x));
  }

  private static double progress(int step, int warmup, int total) {
    return (step - warmup) / (double) Math.max(1, total - warmup);
  }

  /** Always 1, without warm-up. */
  record Constant() implements Schedule {
    @Override
    public double afterWarmup(int step, int warmup, int total, double peak) {
      return 1;
    }
  }

  /** 1 after the warm-up. */
  record ConstantWithWarmup() implements Schedule {
    @Override
    public double afterWarmup(int step, int warmup, int total, double peak) {
      return 1;
    }
  }

  /** max(0, (T − s) / max(1, T − W)). */
  record Linear() implements Schedule {
    @Override
    public double afterWarmup(int step, int warmup, int total, double peak) {
      return Math.max(0, (total - step) / (double) Math.max(1, total - warmup));
    }
  }

  /**
   * max(0, ½(1 + cos(2π·cycles·p))).
   *
   * @param cycles full waves; a half ends at 0
   */
  record Cosine(double cycles) implements Schedule {
    @Override
    public double afterWarmup(int step, int warmup, int total, double peak) {
      return Math.max(0, halfCosine(cycles * 2 * progress(step, warmup, total)));
    }
  }

  /**
   * ½(1 + cos(π·((cycles·p) mod 1))), and 0 from p = 1.
   *
   * @param cycles falls from 1 to 0
   */
  record CosineWithRestarts(int cycles) implements Schedule {
    @Override
    public double afterWarmup(int step, int warmup, int total, double peak) {
      double p = progress(step, warmup, total);
      return p >= 1 ? 0 : Math.max(0, halfCosine((cycles * p) % 1));
    }
  }

  /**
   * The cosine between 1 and a floor: c·(1 − floor) + floor.
   *
   * @param cycles full waves; a half ends at the floor
   * @param floor the least factor
   */
  record CosineWithFloor(double cycles, double floor) implements Schedule {
    @Override
    public double afterWarmup(int step, int warmup, int total, double peak) {
      double cosine = halfCosine(cycles * 2 * progress(step, warmup, total));
      return Math.max(0, cosine * (1 - floor) + floor);
    }
  }

  /**
   * ((peak − end)·(1 − p)^power + end) / peak, and end / peak after T.
   *
   * @param end the last learning rate
   * @param power the exponent
   */
  record Polynomial(double end, double power) implements Schedule {
    @Override
    public double afterWarmup(int step, int warmup, int total, double peak) {
      if (step > total) {
        return end / peak;
      }
      double left = 1 - progress(step, warmup, total);
      return ((peak - end) * Math.pow(left, power) + end) / peak;
    }
  }

  /** 1 / √((s + W' − W) / W') with W' the warm-up, or 10000 where there is none. */
  record InverseSqrt() implements Schedule {
    @Override
    public double afterWarmup(int step, int warmup, int total, double peak) {
      int scale = warmup == 0 ? 10_000 : warmup;
      return 1 / Math.sqrt((step + scale - warmup) / (double) scale);
    }
  }

  /**
   * 1 until the last steps, then half a cosine down to a floor.
   *
   * @param decay the last steps
   * @param floor the least factor
   */
  record WarmupStableDecay(Portion decay, double floor) implements Schedule {
    @Override
    public double afterWarmup(int step, int warmup, int total, double peak) {
      int length = decay.of(total);
      int first = Math.max(warmup, total - length);
      if (step < first) {
        return 1;
      }
      if (step >= first + length) {
        return floor;
      }
      return halfCosine((step - first) / (double) Math.max(1, length)) * (1 - floor) + floor;
    }
  }
}
