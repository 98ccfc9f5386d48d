package io.gatun.bench;

import io.gatun.kernels.AttentionShape;
import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Segment;
import io.gatun.kernels.Segments;
import io.gatun.kernels.ops.Attention;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** 2048 tokens, 32 query heads and 8 key heads of 64, causal. */
public class AttentionBenchmark extends OpBenchmark {
  private static final int TOKENS = 2048;
  private static final AttentionShape SHAPE = new AttentionShape(32, 8, 64, 0.125f, 0, 0);

  /** Rows packed into the tokens. */
  @Param({"1", "16"})
  public int rows;

  private Segments segments;
  private Matrix q;
  private Matrix k;
  private Matrix v;
  private Matrix o;
  private Matrix lse;
  private Matrix dq;
  private Matrix dk;
  private Matrix dv;

  /** For JMH. */
  public AttentionBenchmark() {}

  @Override
  void prepare() {
    int length = TOKENS / rows;
    List<Segment> list = new ArrayList<>();
    for (int first = 0; first < TOKENS; first += length) {
      list.add(new Segment(first, length, first, length, -1));
    }
    segments = Segments.of(device(), list, arena());
    q = activations("q", TOKENS, 2048);
    k = activations("k", TOKENS, 512);
    v = activations("v", TOKENS, 512);
    o = activations("o", TOKENS, 2048);
    lse = random("lse", DType.F32, TOKENS, 32);
    dq = activations("dq", TOKENS, 2048);
    dk = activations("dk", TOKENS, 512);
    dv = activations("dv", TOKENS, 512);
    Attention.forward(SHAPE, Optional.empty(), segments, q, k, v, o, lse);
  }

  // Two products of the lower triangle forward, five backward.
  private double flops(int products) {
    return 2.0 * products * TOKENS * (TOKENS / rows + 1) / 2 * 2048;
  }

  /** Attends. */
  @Benchmark
  public void forward(Roofline roofline) {
    Attention.forward(SHAPE, Optional.empty(), segments, q, k, v, o, lse);
    roofline.flops(flops(2));
  }

  /** Gradients; the gradient of o is o itself. */
  @Benchmark
  public void backward(Roofline roofline) {
    Attention.backward(SHAPE, Optional.empty(), segments, q, k, v, o, lse, o, dq, dk, dv);
    roofline.flops(flops(5));
  }
}
