package io.gatun.bench.check;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.ops.LoraMatMul;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.LoraGradients;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import io.gatun.kernels.ops.MatMul;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;

/**
 * Gate and up of a training step, forward and backward, with an adapter beside without: target 6.
 * Two siblings of 16 ranks have kernels of their own for the reading of dy; one of 32 ranks, the
 * same bytes, goes through cuBLASLt, which reads it twice.
 */
final class LoraCheck {
  private static final int RANKS = 32;
  private static final int LINE = 64; // columns beside operands in which ranks have room

  private final Bench bench;
  private final Nf4Matrix w;
  private final Matrix x; // with room for t
  private final Matrix dy; // with room for u
  private final Matrix y;
  private final Matrix dx;

  private LoraCheck(Bench bench) {
    this.bench = bench;
    int rows = bench.count(8192, 64);
    w = bench.nf4(bench.size(28672), bench.size(4096), 1);
    x = bench.bf16(rows, w.cols() + LINE);
    dy = bench.bf16(rows, w.rows() + LINE);
    y = bench.empty(DType.BF16, rows, w.rows());
    dx = bench.empty(DType.BF16, rows, w.cols());
  }

  static List<Figure> run(Bench bench) {
    var check = new LoraCheck(bench);
    double[] seconds =
        bench.seconds(check.without(), check.with(List.of(16, 16)), check.with(List.of(RANKS)));
    var shape = "%d tokens, NF4 %dx%d".formatted(check.x.rows(), check.w.rows(), check.w.cols());
    return List.of(
        check.figure("an adapter of gate and up, rank 16 each, " + shape, seconds[1], seconds[0]),
        check.figure("as if they were one product, rank 32, " + shape, seconds[2], seconds[0]));
  }

  private Figure figure(String what, double with, double without) {
    return Figure.of(
        6,
        what,
        Figure.number(with * 1e3) + " ms",
        with / without,
        Bar.atMost(1.05),
        "of forward and backward without");
  }

  private Matrix x() {
    return x.colSlice(0, w.cols());
  }

  private Matrix dy() {
    return dy.colSlice(0, w.rows());
  }

  private IntConsumer without() {
    return _ -> {
      MatMul.forward(x(), w, y);
      MatMul.backward(dy(), w, dx);
    };
  }

  /** Siblings of the same height, one below the other. */
  private IntConsumer with(List<Integer> ranks) {
    var siblings = new ArrayList<Sibling>();
    var sums = new ArrayList<Matrix>();
    int height = w.rows() / ranks.size();
    int rank = 0;
    for (int count : ranks) {
      Matrix b = bench.random(2).matrix(height, count, DType.F32);
      siblings.add(new Sibling(siblings.size() * height, rank, b, 1));
      sums.add(bench.empty(DType.F32, height, count));
      rank += count;
    }
    Matrix a = bench.random(3).matrix(RANKS, w.cols(), DType.F32);
    var rows = List.of(new LoraRows(0, x.rows(), new LoraFactors(a, siblings)));
    var gradients = List.of(new LoraGradients(bench.empty(DType.F32, RANKS, w.cols()), sums));
    Matrix t = x.colSlice(w.cols(), RANKS);
    Matrix u = dy.colSlice(w.rows(), RANKS);
    return _ -> {
      LoraMatMul.forward(x(), x(), w, Optional.empty(), rows, t, y);
      LoraMatMul.backward(dy(), x(), t, w, rows, gradients, u, dx);
    };
  }
}
