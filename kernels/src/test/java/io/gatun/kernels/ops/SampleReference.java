package io.gatun.kernels.ops;

import io.gatun.kernels.ops.Sample.Filters;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;

/**
 * The token at which a sum of weights, in the order of tokens, exceeds {@code word / 2^32} of all:
 *
 * <pre>
 *   w(t) = floor(2^40 exp((x(t) - max x) / T))
 * </pre>
 *
 * of the tokens that are left when they were sorted by x, equal ones by number, and cut after
 * top-k, after the first of them that make {@code floor(topP 2^24) / 2^24} of all, and before those
 * below {@code minP 2^40}.
 */
final class SampleReference {
  private static final float LOG2E = 1.44269504f;
  private static final float[] EXP2 = {
    0.00021612924f, 0.0012467843f, 0.0096754516f, 0.055485282f, 0.24022931f, 0.69314706f, 1
  };

  private SampleReference() {}

  record Weighed(int token, float logit, long weight) {}

  static int run(float[] row, int count, Filters filters, int word, BitSet seen) {
    float[] x = penalized(row, count, filters.penalty(), seen);
    var kept = kept(x, filters);
    if (filters.temperature() == 0 || kept.size() == 1) {
      return kept.getFirst().token();
    }
    long all = kept.stream().mapToLong(Weighed::weight).sum();
    long bits = Integer.toUnsignedLong(word);
    long target = (all >>> 32) * bits + ((all & 0xffffffffL) * bits >>> 32);
    kept.sort(Comparator.comparingInt(Weighed::token));
    long sum = 0;
    for (var w : kept) {
      sum += w.weight();
      if (sum > target) {
        return w.token();
      }
    }
    throw new AssertionError("more than all");
  }

  /** The tokens that are left, the likeliest first. */
  static List<Weighed> kept(float[] x, Filters filters) {
    float max = Float.NEGATIVE_INFINITY;
    for (float v : x) {
      max = v > max ? v : max;
    }
    List<Weighed> sorted = new ArrayList<>();
    for (int t = 0; t < x.length; t++) {
      if (!Float.isNaN(x[t])) {
        float distance = x[t] == max ? 0 : (max - x[t]) / filters.temperature();
        sorted.add(new Weighed(t, x[t], weight(distance)));
      }
    }
    if (sorted.isEmpty()) {
      return List.of(new Weighed(0, Float.NaN, 0));
    }
    sorted.sort(Comparator.comparingDouble(w -> 0 - w.logit())); // stable; 0 and -0 are equal
    if (filters.temperature() == 0) {
      return sorted.subList(0, 1);
    }
    int end = filters.topK() == 0 ? sorted.size() : Math.min(filters.topK(), sorted.size());
    sorted = sorted.subList(0, end);
    long part = Math.max(1, (long) (filters.topP() * 0x1p24));
    long all = sorted.stream().mapToLong(Weighed::weight).sum();
    long enough = Math.max(1, (all >>> 24) * part + ((all & 0xffffff) * part >>> 24));
    long least = (long) Math.ceil(filters.minP() * 0x1p40);
    var kept = new ArrayList<Weighed>();
    long sum = 0;
    for (var w : sorted) {
      if (sum < enough && w.weight() >= least) {
        kept.add(w);
      }
      sum += w.weight();
    }
    return kept;
  }

  /** 2^40 exp(-distance), by the same single operations as the kernels. */
  static long weight(float distance) {
    if (!(distance < 28)) {
      return 0;
    }
    float t = distance * -LOG2E;
    float whole = (float) Math.floor(t);
    float f = t - whole;
    float p = EXP2[0];
    for (int i = 1; i < EXP2.length; i++) {
      p = p * f + EXP2[i];
    }
    return (long) (p * 0x1p23f) << 17 >>> (int) -whole;
  }

  private static float[] penalized(float[] row, int count, float penalty, BitSet seen) {
    var x = new float[count];
    for (int t = 0; t < count; t++) {
      float other = row[t] > 0 ? row[t] / penalty : row[t] * penalty;
      x[t] = seen.get(t) ? other : row[t];
    }
    return x;
  }
}
