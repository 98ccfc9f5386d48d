package io.gatun.bench.check;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Cast;
import io.gatun.kernels.ops.CrossEntropy;
import io.gatun.kernels.ops.MatMul;
import java.util.List;
import java.util.SplittableRandom;

/** The head with its loss, in chunks of rows, beside its two products alone: target 8. */
final class LossCheck {
  private final int rows;
  private final int chunk;
  private final Matrix x;
  private final Matrix w;
  private final Matrix dx;
  private final Matrix logits;
  private final Matrix dlogits;
  private final Matrix weights;
  private final Matrix losses;
  private final Ints labels;
  private final long extra; // bytes besides x, w and dx

  private LossCheck(Bench bench) {
    rows = bench.count(8192, 64);
    chunk = bench.count(256, 16);
    int hidden = bench.size(4096);
    int vocabulary = bench.count(128256, 512);
    x = bench.bf16(rows, hidden);
    w = bench.bf16(vocabulary, hidden);
    dx = bench.empty(DType.BF16, rows, hidden);
    long before = bench.device().memory().allocated();
    logits = bench.empty(DType.F32, chunk, vocabulary);
    dlogits = bench.empty(DType.BF16, chunk, vocabulary);
    weights = bench.empty(DType.F32, chunk, 1);
    losses = bench.empty(DType.F32, chunk, 1);
    labels = Ints.allocate(bench.device(), "labels", chunk, bench.arena());
    extra = bench.device().memory().allocated() - before;
    HostCopy.write(labels, new SplittableRandom(1).ints(chunk, 0, vocabulary).toArray());
  }

  static List<Figure> run(Bench bench) {
    var check = new LossCheck(bench);
    double[] seconds = bench.seconds(_ -> check.pass(false), _ -> check.pass(true));
    var what =
        "head and loss, %d rows, %dx%d".formatted(check.rows, check.w.rows(), check.w.cols());
    return List.of(
        Figure.of(
            8,
            what,
            Figure.number(seconds[1] * 1e3) + " ms",
            seconds[1] / seconds[0],
            Bar.atMost(1.15),
            "of the time of its two products alone"),
        Figure.of(
            8,
            what + ": memory",
            Figure.number(check.extra / 1e6) + " MB",
            check.extra / 1e6,
            Bar.atMost(300),
            "in chunks of " + check.chunk + " rows"));
  }

  private void pass(boolean withLoss) {
    for (int first = 0; first < rows; first += chunk) {
      MatMul.forward(x.rowSlice(first, chunk), w, logits);
      if (withLoss) {
        CrossEntropy.run(logits, labels, weights, 0, losses);
        Cast.run(logits, dlogits);
      }
      MatMul.backward(dlogits, w, dx.rowSlice(first, chunk));
    }
  }
}
