package io.gatun.kernels.ops;

import io.gatun.kernels.AttentionDropout;
import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Philox;
import io.gatun.kernels.Segment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Attention with all scores at hand. For query i and head h, g = h / (heads / kvHeads), over the
 * keys j of its segment's parent chain with position(j) &lt;= position(i), and position(i) -
 * position(j) &lt; window when there is one, or, not causal, over all keys of its segment; m_j is
 * 1, or with dropout 0 or 1 / (1 - p):
 *
 * <pre>
 * z_j = scale q_ih . k_jg        s_j = cap tanh(z_j / cap), or z_j
 * lse = log sum_j exp(s_j)       p_j = exp(s_j - lse)         o_ih = sum_j m_j p_j v_jg
 * dp_j = m_j dO_ih . v_jg        ds_j = p_j (dp_j - sum_j p_j dp_j) (1 - (s_j / cap)^2, or 1)
 * dq_ih = scale sum_j ds_j k_jg  dk_jg += scale ds_j q_ih     dv_jg += m_j p_j dO_ih
 * </pre>
 *
 * Each result carries its size: the root of the sum of the squares of its terms, each as large as
 * what rounding moves it by (of ds_j also p_j times the size of sum_c dO_c o_c, since kernels take
 * that sum from the rounded o).
 */
final class AttentionReference {
  private final AttentionShape shape;
  private final Optional<AttentionDropout> dropout;
  private final int[] tokens; // token index of each query, where something is dropped
  private final List<Segment> segments;
  private final double[] q;
  private final double[] k;
  private final double[] v;

  /** Numbers and the squares of their sizes. */
  record Sized(double[] values, double[] squares) {
    private Sized(int length) {
      this(new double[length], new double[length]);
    }

    /** At [at, at + count): value += factor * x, squares += (error * x)^2. */
    private void add(int at, double factor, double error, double[] x, int from, int count) {
      for (int c = 0; c < count; c++) {
        values[at + c] += factor * x[from + c];
        squares[at + c] += error * error * x[from + c] * x[from + c];
      }
    }
  }

  /**
   * Results of both directions; lse is (queries, heads), the others have the shape of what they are
   * named after.
   */
  record Result(Sized o, double[] lse, Sized dq, Sized dk, Sized dv) {}

  private AttentionReference(
      AttentionShape shape,
      Optional<AttentionDropout> dropout,
      List<Segment> segments,
      double[] q,
      double[] k,
      double[] v) {
    this.shape = shape;
    this.dropout = dropout;
    this.tokens = dropout.map(drop -> HostCopy.readInts(drop.tokenIndex())).orElse(new int[0]);
    this.segments = segments;
    this.q = q;
    this.k = k;
    this.v = v;
  }

  static Result run(
      AttentionShape shape,
      Optional<AttentionDropout> dropout,
      List<Segment> segments,
      double[] q,
      double[] k,
      double[] v,
      double[] dO) {
    return new AttentionReference(shape, dropout, segments, q, k, v).run(dO);
  }

  private Result run(double[] dO) {
    int rows = q.length / (shape.heads() * shape.headDim());
    var result =
        new Result(
            new Sized(q.length),
            new double[rows * shape.heads()],
            new Sized(q.length),
            new Sized(k.length),
            new Sized(v.length));
    for (Segment segment : segments) {
      for (int i = 0; i < segment.queryLength(); i++) {
        int place = segment.keyLength() - segment.queryLength() + i;
        int[] keys = visible(segment, place);
        int first = shape.causal() ? start(segment) + place - keys.length + 1 : 0;
        for (int h = 0; h < shape.heads(); h++) {
          row(segment.queryFirst() + i, h, keys, first, dO, result);
        }
      }
    }
    return result;
  }

  /**
   * Key rows seen by the query at this place among its segment's own keys, from the root of the
   * chain on.
   */
  private int[] visible(Segment segment, int place) {
    if (!shape.causal()) {
      return IntStream.range(0, segment.keyLength()).map(j -> segment.keyFirst() + j).toArray();
    }
    var rows = new ArrayList<Integer>();
    int distance = place;
    for (Segment s = segment; ; s = segments.get(s.parent())) {
      // distance: from the query back to key 0 of s.
      for (int j = Math.min(distance, s.keyLength() - 1); j >= 0; j--) {
        if (shape.window() == 0 || distance - j < shape.window()) {
          rows.add(s.keyFirst() + j);
        }
      }
      if (s.parent() == Segment.NO_PARENT) {
        return rows.reversed().stream().mapToInt(Integer::intValue).toArray();
      }
      distance += segments.get(s.parent()).keyLength();
    }
  }

  /** The position of a segment's first key. */
  private int start(Segment segment) {
    int start = 0;
    while (segment.parent() != Segment.NO_PARENT) {
      segment = segments.get(segment.parent());
      start += segment.keyLength();
    }
    return start;
  }

  /** m of query i and head h for the key at a position. */
  private double factor(int i, int h, int position) {
    if (dropout.isEmpty()) {
      return 1;
    }
    var key = dropout.get().key();
    float p = dropout.get().p();
    int[] words =
        Philox.words(key.seed(), h << 20 | position / 4, tokens[i], key.step(), key.word());
    return Philox.unit(words[position % 4]) >= p ? 1 / (1 - (double) p) : 0;
  }

  /** All that query i and head h have to do with keys, the first of which has this position. */
  private void row(int i, int h, int[] keys, int first, double[] dO, Result result) {
    int d = shape.headDim();
    int query = (i * shape.heads() + h) * d;
    int head = h / (shape.heads() / shape.kvHeads());
    var p = new double[keys.length];
    var slope = new double[keys.length];
    var m = new double[keys.length];
    double sum = 0;
    double top = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < keys.length; j++) {
      double z = shape.scale() * dot(q, query, k, key(keys[j], head), d);
      double t = shape.softCap() > 0 ? Math.tanh(z / shape.softCap()) : 0;
      p[j] = shape.softCap() > 0 ? shape.softCap() * t : z;
      slope[j] = 1 - t * t;
      top = Math.max(top, p[j]);
    }
    for (int j = 0; j < keys.length; j++) {
      p[j] = Math.exp(p[j] - top);
      sum += p[j];
    }
    result.lse[i * shape.heads() + h] = top + Math.log(sum);
    double mean = 0;
    for (int j = 0; j < keys.length; j++) {
      p[j] /= sum;
      m[j] = factor(i, h, first + j);
      int key = key(keys[j], head);
      result.o.add(query, m[j] * p[j], m[j] * p[j], v, key, d);
      result.dv.add(key, m[j] * p[j], m[j] * p[j], dO, query, d);
      mean += p[j] * m[j] * dot(dO, query, v, key, d);
    }
    double meanError = 0;
    for (int c = query; c < query + d; c++) {
      meanError += dO[c] * dO[c] * (result.o.squares[c] + result.o.values[c] * result.o.values[c]);
    }
    for (int j = 0; j < keys.length; j++) {
      int key = key(keys[j], head);
      double ds = shape.scale() * p[j] * (m[j] * dot(dO, query, v, key, d) - mean) * slope[j];
      double error = Math.hypot(ds, shape.scale() * p[j] * slope[j] * Math.sqrt(meanError));
      result.dq.add(query, ds, error, k, key, d);
      result.dk.add(key, ds, error, q, query, d);
    }
  }

  private int key(int row, int head) {
    return (row * shape.kvHeads() + head) * shape.headDim();
  }

  private static double dot(double[] a, int at, double[] b, int bt, int count) {
    double sum = 0;
    for (int c = 0; c < count; c++) {
      sum += a[at + c] * b[bt + c];
    }
    return sum;
  }
}
