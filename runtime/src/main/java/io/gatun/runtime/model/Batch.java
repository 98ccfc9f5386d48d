package io.gatun.runtime.model;

import io.gatun.kernels.Segment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Sequences packed one after the other, without padding. Tokens that all of them begin with may be
 * packed once, as their common parent; the last common token stays with each, because each predicts
 * its own next token.
 *
 * @param ids token of each row of the pack
 * @param segments which rows belong together
 * @param tokenIndex of each row, its index within the optimizer step
 * @param labelRows rows whose next token carries loss, ascending
 * @param labels that next token
 * @param labelWeights weight of its loss
 */
public record Batch(
    int[] ids,
    List<Segment> segments,
    int[] tokenIndex,
    int[] labelRows,
    int[] labels,
    float[] labelWeights) {
  /** A common beginning is packed once only if it is longer than this. */
  public static final int SHORTEST_PREFIX = 8;

  /**
   * Packs sequences.
   *
   * @param sequences at least one
   * @param sharePrefix whether a common beginning is computed once; needs dropout 0, and a rotation
   *     that does not depend on the length
   * @return the pack
   */
  public static Batch pack(List<Sequence> sequences, boolean sharePrefix) {
    if (sequences.isEmpty()) {
      throw new IllegalArgumentException("a batch needs at least one sequence");
    }
    int prefix = sharePrefix ? sharedLength(sequences) : 0;
    var packer = new Packer();
    if (prefix > 0) {
      packer.add(sequences.getFirst(), 0, prefix, -1, summedWeights(sequences, prefix));
    }
    for (var s : sequences) {
      packer.add(s, prefix, s.ids().length, prefix > 0 ? 0 : -1, s.weights());
    }
    return packer.batch();
  }

  /**
   * Tokens computed.
   *
   * @return rows of the pack
   */
  public int tokens() {
    return ids.length;
  }

  /**
   * Whether some tokens stand for several sequences.
   *
   * @return true if a segment has a parent
   */
  public boolean sharesPrefix() {
    return segments.stream().anyMatch(s -> s.parent() >= 0);
  }

  /** Length of the common beginning without its last token; 0 if it is not worth sharing. */
  private static int sharedLength(List<Sequence> sequences) {
    int[] first = sequences.getFirst().ids();
    int common = first.length;
    for (var s : sequences) {
      int mismatch =
          Arrays.mismatch(first, 0, common, s.ids(), 0, Math.min(common, s.ids().length));
      common = mismatch < 0 ? common : mismatch;
    }
    return sequences.size() > 1 && common > SHORTEST_PREFIX ? common - 1 : 0;
  }

  /**
   * Weights of the tokens that prefix rows predict: a token counts once for each sequence that
   * labels it.
   */
  private static float[] summedWeights(List<Sequence> sequences, int prefix) {
    float[] sums = new float[prefix + 1];
    for (var s : sequences) {
      for (int t = 0; t <= prefix; t++) {
        sums[t] += s.weights()[t];
      }
    }
    return sums;
  }

  /** Gathers rows. */
  private static final class Packer {
    private final List<Segment> segments = new ArrayList<>();
    private final IntStream.Builder ids = IntStream.builder();
    private final IntStream.Builder tokenIndex = IntStream.builder();
    private final IntStream.Builder labelRows = IntStream.builder();
    private final IntStream.Builder labels = IntStream.builder();
    private final List<Float> labelWeights = new ArrayList<>();
    private int rows;

    void add(Sequence s, int from, int to, int parent, float[] weights) {
      segments.add(new Segment(rows, to - from, rows, to - from, parent));
      for (int t = from; t < to; t++) {
        ids.add(s.ids()[t]);
        tokenIndex.add(s.firstToken() + t);
        if (t + 1 < weights.length && weights[t + 1] != 0) {
          labelRows.add(rows);
          labels.add(s.ids()[t + 1]);
          labelWeights.add(weights[t + 1]);
        }
        rows++;
      }
    }

    Batch batch() {
      float[] weights = new float[labelWeights.size()];
      for (int i = 0; i < weights.length; i++) {
        weights[i] = labelWeights.get(i);
      }
      return new Batch(
          ids.build().toArray(),
          List.copyOf(segments),
          tokenIndex.build().toArray(),
          labelRows.build().toArray(),
          labels.build().toArray(),
          weights);
    }
  }
}
