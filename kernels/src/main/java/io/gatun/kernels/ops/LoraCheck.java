package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.LoraMatMul.LoraFactors;
import io.gatun.kernels.ops.LoraMatMul.LoraGradients;
import io.gatun.kernels.ops.LoraMatMul.LoraRows;
import io.gatun.kernels.ops.LoraMatMul.Sibling;
import java.util.List;
import java.util.Optional;

/** What {@link LoraMatMul} asks of adapters. */
final class LoraCheck {
  private static final String OP = "lora_mat_mul";

  /**
   * Ranks of one adapter of one weight, all siblings together; the kernels' scratch is sized for
   * it.
   */
  static final int MAX_RANKS = 2048;

  private LoraCheck() {}

  /** The operands of a product; their device. */
  static Device forward(
      Matrix x,
      Matrix xa,
      Weight w,
      Optional<Matrix> bias,
      List<LoraRows> rows,
      Matrix t,
      Matrix y) {
    Device device = Check.compute(OP, "x", x);
    Check.weight(OP, w, w.rows(), x.cols(), x);
    Check.same(OP, "xa", xa, x);
    Check.activation(OP, "y", y, x.rows(), w.rows(), x);
    bias.ifPresent(b -> Check.matrix(OP, "bias", b, DType.F32, 1, w.rows(), x));
    rows(rows, x, t, w);
    return device;
  }

  /**
   * Adapters in ascending order of rows, all of whose matrices fit x (tokens, in), t and the
   * weight.
   */
  static void rows(List<LoraRows> rows, Matrix x, Matrix t, Weight w) {
    Check.matrix(OP, "t", t, x.dtype(), x.rows(), t.cols(), x);
    int end = 0;
    for (LoraRows entry : rows) {
      if (entry.firstRow() < end
          || entry.rowCount() < 0
          || entry.rowCount() > x.rows() - entry.firstRow()) {
        throw Check.wrong(
            OP,
            "rows of an adapter are %s; they must be ascending, without overlap, and within the %s"
                + " rows of x",
            entry.firstRow() + " + " + entry.rowCount(),
            x.rows());
      }
      end = entry.firstRow() + entry.rowCount();
      factors(entry.factors(), x, t, w);
    }
  }

  private static void factors(LoraFactors factors, Matrix x, Matrix t, Weight w) {
    Matrix a = factors.a();
    Check.matrix(OP, "A", a, DType.F32, a.rows(), w.cols(), x);
    if (a.rows() > Math.min(t.cols(), MAX_RANKS)) {
      throw Check.wrong(OP, "A has %s ranks, t holds %s (at most 2048)", a.rows(), t.cols());
    }
    for (Sibling s : factors.siblings()) {
      Matrix b = s.b();
      Check.matrix(OP, "B", b, DType.F32, b.rows(), b.cols(), x);
      if (s.firstRow() < 0 || b.rows() > w.rows() - s.firstRow()) {
        throw Check.wrong(
            OP,
            "B covers rows %s of a weight of %s rows",
            s.firstRow() + " + " + b.rows(),
            w.rows());
      }
      if (s.firstRank() < 0 || b.cols() > a.rows() - s.firstRank()) {
        throw Check.wrong(
            OP, "B uses ranks %s of an A of %s ranks", s.firstRank() + " + " + b.cols(), a.rows());
      }
    }
    for (int i = 0; i < factors.siblings().size(); i++) {
      for (int j = 0; j < i; j++) {
        disjoint(factors.siblings().get(i), factors.siblings().get(j));
      }
    }
  }

  private static void disjoint(Sibling s, Sibling other) {
    if (s.firstRow() + s.b().rows() > other.firstRow()
        && other.firstRow() + other.b().rows() > s.firstRow()) {
      throw Check.wrong(
          OP,
          "siblings share rows of the weight: %s and %s",
          s.firstRow() + " + " + s.b().rows(),
          other.firstRow() + " + " + other.b().rows());
    }
  }

  /** Sums of the shapes of the factors. */
  static void gradients(List<LoraRows> rows, List<LoraGradients> grads, Matrix anchor) {
    if (rows.size() != grads.size()) {
      throw Check.wrong(OP, "%s adapters have %s gradients", rows.size(), grads.size());
    }
    for (int i = 0; i < rows.size(); i++) {
      LoraFactors factors = rows.get(i).factors();
      LoraGradients grad = grads.get(i);
      Check.matrix(
          OP, "aSum", grad.aSum(), DType.F32, factors.a().rows(), factors.a().cols(), anchor);
      List<Sibling> siblings = factors.siblings();
      if (siblings.size() != grad.bSum().size()) {
        throw Check.wrong(
            OP, "%s siblings have %s gradients of B", siblings.size(), grad.bSum().size());
      }
      for (int j = 0; j < siblings.size(); j++) {
        Matrix b = siblings.get(j).b();
        Check.matrix(OP, "bSum", grad.bSum().get(j), DType.F32, b.rows(), b.cols(), anchor);
      }
    }
  }
}
