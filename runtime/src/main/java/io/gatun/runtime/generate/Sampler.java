package io.gatun.runtime.generate;

import io.gatun.kernels.Philox;
import java.util.Arrays;
import java.util.BitSet;

/** Chooses one sequence's tokens, one after the other. Not for several threads. */
final class Sampler {
  private final Sampling sampling;
  private final int sequence;
  private final BitSet seen = new BitSet();
  private int drawn;

  /**
   * @param sampling the settings
   * @param sequence index of the sequence in its batch; sequences of one batch draw different
   *     numbers
   * @param prompt ids already there, for the repetition penalty
   */
  Sampler(Sampling sampling, int sequence, int[] prompt) {
    this.sampling = sampling;
    this.sequence = sequence;
    for (int id : prompt) {
      seen.set(id);
    }
  }

  /**
   * The next token.
   *
   * @param logits one value a token of the vocabulary; changed in place
   * @return the chosen id
   */
  int next(float[] logits) {
    penalize(logits);
    int id = sampling.isGreedy() ? argmax(logits) : draw(logits);
    seen.set(id);
    return id;
  }

  private void penalize(float[] logits) {
    float penalty = sampling.repetitionPenalty();
    if (penalty == 1) {
      return;
    }
    for (int id = seen.nextSetBit(0); id >= 0 && id < logits.length; id = seen.nextSetBit(id + 1)) {
      logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
    }
  }

  /** The lowest id among the largest values, as ArgMax finds it; NaN never wins. */
  static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      boolean first = Float.isNaN(logits[best]) && !Float.isNaN(logits[i]);
      if (logits[i] > logits[best] || first) {
        best = i;
      }
    }
    return best;
  }

  private int draw(float[] logits) {
    for (int i = 0; i < logits.length; i++) {
      logits[i] = Float.isNaN(logits[i]) ? Float.NEGATIVE_INFINITY : logits[i];
    }
    int[] order = mostLikelyFirst(logits);
    double[] p = new double[order.length];
    double max = logits[order[0]];
    double total = 0;
    for (int i = 0; i < order.length; i++) {
      p[i] = Math.exp((logits[order[i]] - max) / sampling.temperature());
      total += p[i];
    }
    int kept = keep(p, total);
    double mass = 0;
    for (int i = 0; i < kept; i++) {
      mass += p[i];
    }
    int word =
        Philox.words(sampling.seed(), drawn++, sequence, 0, Philox.Purpose.SAMPLING.ordinal())[0];
    double target = Philox.unit(word) * mass;
    for (int i = 0; i < kept; i++) {
      target -= p[i];
      if (target < 0) {
        return order[i];
      }
    }
    return order[kept - 1];
  }

  /** Ids by falling logit, ties by id; only the first top-k of them. */
  private int[] mostLikelyFirst(float[] logits) {
    long[] keys = new long[logits.length];
    for (int i = 0; i < logits.length; i++) {
      int bits = Float.floatToIntBits(logits[i] + 0f); // -0 and 0 are equal
      int ascending = bits >= 0 ? bits : ~bits ^ Integer.MIN_VALUE;
      keys[i] = (long) ~ascending << 32 | i;
    }
    Arrays.sort(keys);
    int count = sampling.topK() == 0 ? keys.length : Math.min(sampling.topK(), keys.length);
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      order[i] = (int) keys[i];
    }
    return order;
  }

  /** How many of the leading probabilities top-p and min-p leave; at least one. */
  private int keep(double[] p, double total) {
    int kept = 0;
    double sum = 0;
    while (kept < p.length && (kept == 0 || sum < sampling.topP() * total)) {
      if (kept > 0 && p[kept] < sampling.minP() * p[0]) {
        break;
      }
      sum += p[kept++];
    }
    return kept;
  }
}
