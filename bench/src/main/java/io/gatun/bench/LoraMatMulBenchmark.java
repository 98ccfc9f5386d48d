package io.gatun.bench;

import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.LoraMatMul;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.LoraGradients;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import java.util.List;
import java.util.Optional;
import org.openjdk.jmh.annotations.Benchmark;

/** Rows against a weight of 4096 x 4096 with an adapter of rank 16: to be held against MatMul. */
public class LoraMatMulBenchmark extends ProductBenchmark {
  private static final int RANK = 16;

  private Weight w;
  private Matrix x;
  private Matrix y;
  private Matrix dx;
  private Matrix t;
  private Matrix u;
  private List<LoraRows> rows;
  private List<LoraGradients> gradients;

  /** For JMH. */
  public LoraMatMulBenchmark() {}

  @Override
  void prepare() {
    w = weight();
    x = activations("x", tokens, SIZE);
    y = activations("y", tokens, SIZE);
    dx = activations("dx", tokens, SIZE);
    t = activations("t", tokens, RANK);
    u = activations("u", tokens, RANK);
    var a = random("a", DType.F32, RANK, SIZE);
    var b = random("b", DType.F32, SIZE, RANK);
    var factors = new LoraFactors(a, List.of(new Sibling(0, 0, b, 2f)));
    rows = List.of(new LoraRows(0, tokens, factors));
    var aSum = random("da", DType.F32, RANK, SIZE);
    var bSum = random("db", DType.F32, SIZE, RANK);
    gradients = List.of(new LoraGradients(aSum, List.of(bSum)));
  }

  /** y = x wᵀ + t (scale b)ᵀ. */
  @Benchmark
  public void forward(Roofline roofline) {
    LoraMatMul.forward(x, x, w, Optional.empty(), rows, t, y);
    roofline.flops(flops());
  }

  /** dx = dy w + u a, and the gradients of a and b. */
  @Benchmark
  public void backward(Roofline roofline) {
    LoraMatMul.backward(y, x, t, w, rows, gradients, u, dx);
    roofline.flops(flops());
  }
}
