package io.gatun.bench.check;

import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segment;
import io.gatun.kernels.Segments;
import io.gatun.kernels.ops.Attention;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Causal attention with heads of 128 against the large product: target 7. */
final class AttentionCheck {
  private static final int DIM = 128;

  private AttentionCheck() {}

  static List<Figure> run(Bench bench) {
    var figures = new ArrayList<Figure>();
    for (int full : new int[] {4096, 8192}) {
      figures.addAll(run(bench, bench.count(full, full / 64)));
    }
    return figures;
  }

  /** 32 query heads on 8 key heads. */
  private static List<Figure> run(Bench bench, int tokens) {
    int heads = bench.count(32, 4);
    int keyHeads = bench.count(8, 1);
    var shape = new AttentionShape(heads, keyHeads, DIM, (float) (1 / Math.sqrt(DIM)), 0, 0);
    var row = new Segment(0, tokens, 0, tokens, -1);
    var segments = Segments.of(bench.device(), List.of(row), bench.arena());
    Matrix q = bench.bf16(tokens, heads * DIM);
    Matrix k = bench.bf16(tokens, keyHeads * DIM);
    Matrix v = bench.bf16(tokens, keyHeads * DIM);
    Matrix o = bench.empty(DType.BF16, tokens, heads * DIM);
    Matrix lse = bench.empty(DType.F32, tokens, heads);
    Matrix dq = bench.empty(DType.BF16, tokens, heads * DIM);
    Matrix dk = bench.empty(DType.BF16, tokens, keyHeads * DIM);
    Matrix dv = bench.empty(DType.BF16, tokens, keyHeads * DIM);
    double[] seconds =
        bench.seconds(
            Ceilings.product(bench),
            _ -> Attention.forward(shape, Optional.empty(), segments, q, k, v, o, lse),
            _ ->
                Attention.backward(
                    shape, Optional.empty(), segments, q, k, v, o, lse, o, dq, dk, dv));
    double flops = 4 * (tokens * (tokens + 1.0) / 2) * heads * DIM;
    double ceiling = Ceilings.productFlops(bench) / seconds[0];
    return List.of(
        figure("forward", tokens, flops / seconds[1], ceiling, 0.40),
        figure("backward", tokens, 2.5 * flops / seconds[2], ceiling, 0.33));
  }

  private static Figure figure(String way, int tokens, double rate, double ceiling, double limit) {
    return Figure.of(
        7,
        "attention %s, 1x%d causal".formatted(way, tokens),
        Figure.number(rate / 1e12) + " TFLOP/s",
        rate / ceiling,
        Bar.atLeast(limit),
        Ceilings.PRODUCT);
  }
}
