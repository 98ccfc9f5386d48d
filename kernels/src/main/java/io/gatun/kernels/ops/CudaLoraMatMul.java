package io.gatun.kernels.ops;

import io.gatun.kernels.Activation;
import io.gatun.kernels.DType;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.cuda.CudaAdapters;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaKernel;
import io.gatun.kernels.cuda.CudaProduct;
import io.gatun.kernels.cuda.CudaProducts;
import io.gatun.kernels.cuda.Scratch;
import io.gatun.kernels.cuda.ScratchPlan;
import io.gatun.kernels.ops.CudaNf4MatVec.Into;
import io.gatun.kernels.ops.CudaNf4MatVec.Low;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.LoraGradients;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import io.gatun.kernels.ops.TrainingScratch.FrozenWeight;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * {@link LoraMatMul} on a GPU: {@code y = [x | t] [w | s B]ᵀ} and {@code dx = [dy | u] [w ; A]},
 * each one product over operands that lie side by side. The ranks of several adapters stand side by
 * side too; t and u are 0 in the rows of others. The right operands come from one matrix in the
 * device's own memory, with s B to the right of w and A below; the left ones are used where they
 * lie if t lies beside x in memory, else copied together.
 */
final class CudaLoraMatMul {
  private static final String OP = "lora_mat_mul";
  private static final int SHRUNK_ROWS = 4; // of x, of a block

  private final CudaDevice cuda;
  private final CudaProducts products;
  private final Weight w;
  private final List<LoraRows> rows;
  private final Map<LoraFactors, Integer> firstRanks = new IdentityHashMap<>();
  private final int ranks; // of all adapters together

  CudaLoraMatMul(CudaDevice cuda, Weight w, List<LoraRows> rows) {
    this.cuda = cuda;
    this.w = w;
    this.rows = rows;
    products = cuda.products();
    int count = 0;
    for (LoraRows r : rows) {
      if (firstRanks.putIfAbsent(r.factors(), count) == null) {
        count += r.factors().a().rows();
      }
    }
    ranks = count;
  }

  /** Enters what forward and backward of one adapter, its ranks beside x and dy, take. */
  static void plan(ScratchPlan plan, DType compute, int tokens, FrozenWeight w) {
    if (!w.kept()) {
      plan.addWeight(compute, w.out() + w.ranks(), w.in() + w.ranks());
    }
    CudaMatMul.planResult(plan, compute, tokens, w);
  }

  void forward(Matrix x, Matrix xa, Optional<Matrix> bias, Matrix t, Matrix y) {
    if (few(x, xa, t, new Into(bias, Optional.empty(), Optional.empty(), y))) {
      return;
    }
    if (ranks == 0) {
      CudaMatMul.forward(cuda, x, w, bias, y, false);
      return;
    }
    withWeight(
        x.dtype(),
        v -> {
          for (LoraRows r : rows) {
            products.multiply(
                CudaProduct.byTransposed(OP, part(xa, r), a(v, r.factors()), ranks(t, r)));
          }
          CudaMatMul.product(cuda, OP, beside(x, t), v.rowSlice(0, w.rows()), true, bias, y, false);
        });
  }

  void forwardPlus(
      Matrix x, Matrix xa, Optional<Matrix> bias, Matrix t, Matrix residual, Matrix y) {
    if (!few(x, xa, t, new Into(bias, Optional.of(residual), Optional.empty(), y))) {
      forward(x, xa, bias, t, y);
      Add.run(residual, y);
    }
  }

  void forwardGlu(
      Matrix x, Matrix xa, Optional<Matrix> bias, Matrix t, Activation f, Matrix gateUp, Matrix h) {
    if (!few(x, xa, t, new Into(bias, Optional.empty(), Optional.of(f), h))) {
      forward(x, xa, bias, t, gateUp);
      Glu.forward(f, gateUp, h);
    }
  }

  /** t, then all terms of a sum at once; false where there is no kernel for it. */
  private boolean few(Matrix x, Matrix xa, Matrix t, Into into) {
    if (!CudaNf4MatVec.takes(x, w, into)) {
      return false;
    }
    var adapters = adapters();
    if (!adapters.fit()) {
      return false;
    }
    int tasks = 0;
    for (LoraRows r : rows) {
      tasks += r.factors().a().rows() * Math.ceilDiv(r.rowCount(), SHRUNK_ROWS);
    }
    cuda.launch(CudaKernel.LORA_SHRINK)
        .matrix("xa", xa)
        .matrix("t", t)
        .adapters("lora", adapters)
        .mayBeginEarly()
        .enqueue(tasks);
    var low = ranks == 0 ? Optional.<Low>empty() : Optional.of(new Low(adapters, t));
    CudaNf4MatVec.run(cuda, x, (Nf4Matrix) w, into, low);
    return true;
  }

  private CudaAdapters adapters() {
    return new CudaAdapters(
        rows.stream()
            .map(r ->
                new CudaAdapters.Run(
                    r.firstRow(),
                    r.firstRow() + r.rowCount(),
                    r.factors().a(),
                    r.factors().siblings().stream()
                        .map(s ->
                            new CudaAdapters.Factor(s.firstRow(), s.firstRank(), s.b(), s.scale()))
                        .toList()))
            .toList());
  }

  void backward(
      Matrix dy,
      Matrix xa,
      Matrix t,
      List<LoraGradients> grads,
      Matrix u,
      Matrix dx,
      Optional<Matrix> dxa) {
    withWeight(
        dy.dtype(),
        v -> {
          for (int i = 0; i < rows.size(); i++) {
            LoraRows r = rows.get(i);
            var low =
                new CudaLoraBackward(cuda, part(dy, r), ranks(t, r), r.factors(), ranks(u, r));
            if (low.fits()) {
              low.run(grads.get(i).bSum());
            } else {
              products.multiply(CudaProduct.of(OP, part(dy, r), b(v, r.factors()), ranks(u, r)));
              gradientsOfB(r, dy, t, grads.get(i).bSum());
            }
            products.multiply(
                CudaProduct.ofTransposed(OP, ranks(u, r), part(xa, r), grads.get(i).aSum()));
          }
          boolean apart = dxa.isPresent();
          Matrix left = apart ? dy : beside(dy, u);
          Matrix right = v.colSlice(0, w.cols()).rowSlice(0, left.cols());
          CudaMatMul.product(cuda, OP, left, right, false, Optional.empty(), dx, false);
          dxa.ifPresent(m -> dropped(v, u, m));
        });
  }

  /** bSum += scale dyᵀ t. */
  private void gradientsOfB(LoraRows r, Matrix dy, Matrix t, List<Matrix> bSum) {
    List<Sibling> siblings = r.factors().siblings();
    for (int j = 0; j < siblings.size(); j++) {
      Sibling s = siblings.get(j);
      Matrix d = part(dy, r).colSlice(s.firstRow(), s.b().rows());
      Matrix low = part(t, r).colSlice(s.firstRank(), s.b().cols());
      products.multiply(CudaProduct.ofTransposed(OP, d, low, bSum.get(j)).times(s.scale()));
    }
  }

  /** dxa = u A, and 0 in rows without adapter. */
  private void dropped(Matrix v, Matrix u, Matrix dxa) {
    int done = 0;
    for (LoraRows r : rows) {
      CudaMatMul.zero(cuda, dxa.rowSlice(done, r.firstRow() - done));
      CudaMatMul.product(
          cuda, OP, ranks(u, r), a(v, r.factors()), false, Optional.empty(), part(dxa, r), false);
      done = r.firstRow() + r.rowCount();
    }
    CudaMatMul.zero(cuda, dxa.rowSlice(done, dxa.rows() - done));
  }

  /** Uses w, s B to its right, A below. */
  private void withWeight(DType dtype, Consumer<Matrix> use) {
    int height = w.rows() + ranks;
    int width = w.cols() + ranks;
    var kept = CudaMatMul.kept(w, dtype, height, width);
    if (kept.isPresent()) {
      products.withKept(kept.get(), this::placeFactors, use);
      return;
    }
    Consumer<Matrix> decode =
        v -> CudaMatMul.decode(w, v.rowSlice(0, w.rows()).colSlice(0, w.cols()));
    products.withWeight(dtype, height, width, decode.andThen(this::placeFactors), use);
  }

  private void placeFactors(Matrix v) {
    firstRanks.forEach((factors, first) -> {
      Cast.run(factors.a(), a(v, factors));
      scaled(factors, b(v, factors));
    });
  }

  /** b = s B of all siblings, and 0 where there is none. */
  private void scaled(LoraFactors factors, Matrix b) {
    List<Sibling> siblings = factors.siblings();
    if (siblings.size() == 1) {
      Sibling s = siblings.getFirst();
      CudaMatMul.place(cuda, s.b(), b, s.firstRow(), s.firstRank(), s.scale());
      return;
    }
    CudaMatMul.zero(cuda, b);
    for (Sibling s : siblings) {
      Matrix to = b.rowSlice(s.firstRow(), s.b().rows()).colSlice(s.firstRank(), s.b().cols());
      CudaMatMul.place(cuda, s.b(), to, 0, 0, s.scale());
    }
  }

  private int firstRank(LoraFactors f) {
    return Objects.requireNonNull(firstRanks.get(f));
  }

  private Matrix a(Matrix v, LoraFactors f) {
    return v.rowSlice(w.rows() + firstRank(f), f.a().rows()).colSlice(0, w.cols());
  }

  private Matrix b(Matrix v, LoraFactors f) {
    return v.rowSlice(0, w.rows()).colSlice(w.cols() + firstRank(f), f.a().rows());
  }

  private static Matrix part(Matrix m, LoraRows r) {
    return m.rowSlice(r.firstRow(), r.rowCount());
  }

  private static Matrix ranks(Matrix low, LoraRows r) {
    return part(low, r).colSlice(0, r.factors().a().rows());
  }

  /** [x | low], in place or copied. */
  private Matrix beside(Matrix x, Matrix low) {
    if (ranks == 0) {
      return x;
    }
    int cols = x.cols() + ranks;
    boolean one = rows.size() == 1 && rows.getFirst().rowCount() == x.rows();
    long next = x.offset() + (long) x.cols() * x.dtype().bytes();
    if (one
        && low.buffer() == x.buffer()
        && low.offset() == next
        && low.rowStride() == x.rowStride()) {
      return new Matrix(x.buffer(), x.offset(), x.dtype(), x.rows(), cols, x.rowStride());
    }
    Matrix both = products.scratch(Scratch.OPERAND, x.dtype(), x.rows(), cols);
    Cast.run(x, both.colSlice(0, x.cols()));
    if (!one) {
      CudaMatMul.zero(cuda, both.colSlice(x.cols(), ranks));
    }
    for (LoraRows r : rows) {
      int first = x.cols() + firstRank(r.factors());
      Cast.run(ranks(low, r), part(both, r).colSlice(first, r.factors().a().rows()));
    }
    return both;
  }
}
