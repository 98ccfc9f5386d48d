package io.gatun.kernels.ops;

import io.gatun.kernels.Activation;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cpu.CpuWeights;
import io.gatun.kernels.cuda.CudaDevice;
import java.util.List;
import java.util.Optional;

/**
 * Products with a frozen weight and low-rank adapters, in one pass: the ranks are further terms of
 * the same sums. The type of x is the compute type; A and scale * B are rounded to it. Several
 * projections of one input (q, k, v) are one weight whose siblings have their own B and their own
 * ranks of A. C: gatun_lora_mat_mul_forward, gatun_lora_mat_mul_backward.
 */
public final class LoraMatMul {
  private static final String OP = "lora_mat_mul";

  private LoraMatMul() {}

  /**
   * One projection's share of an adapter.
   *
   * @param firstRow first row of the weight (column of y) it adds to
   * @param firstRank first row of A it uses
   * @param b (rows, rank), F32
   * @param scale factor of b
   */
  public record Sibling(int firstRow, int firstRank, Matrix b, float scale) {}

  /**
   * An adapter of one weight.
   *
   * @param a (ranks of all siblings, in), F32
   * @param siblings no two may share rows of the weight
   */
  public record LoraFactors(Matrix a, List<Sibling> siblings) {
    /** Copies the list. */
    public LoraFactors {
      siblings = List.copyOf(siblings);
    }
  }

  /**
   * Rows of x that use an adapter; rows in no entry use none.
   *
   * @param firstRow first row of x
   * @param rowCount how many
   * @param factors their adapter
   */
  public record LoraRows(int firstRow, int rowCount, LoraFactors factors) {}

  /**
   * Where the gradients of an adapter are added.
   *
   * @param aSum shape of a, F32
   * @param bSum for each sibling the shape of its b, F32
   */
  public record LoraGradients(Matrix aSum, List<Matrix> bSum) {
    /** Copies the list. */
    public LoraGradients {
      bSum = List.copyOf(bSum);
    }
  }

  /**
   * t = xa aᵀ; y = x wᵀ + t (scale b)ᵀ + bias.
   *
   * @param x (tokens, in), F32 or BF16
   * @param xa (tokens, in), type of x: x, or x after dropout
   * @param w (out, in)
   * @param bias (1, out), F32
   * @param rows adapters; ascending, without overlap
   * @param t (tokens, ranks or more), type of x: written in the rows and ranks of the adapters,
   *     kept for backward
   * @param y (tokens, out), F32 or BF16
   */
  public static void forward(
      Matrix x,
      Matrix xa,
      Weight w,
      Optional<Matrix> bias,
      List<LoraRows> rows,
      Matrix t,
      Matrix y) {
    switch (LoraCheck.forward(x, xa, w, bias, rows, t, y)) {
      case CudaDevice cuda -> new CudaLoraMatMul(cuda, w, rows).forward(x, xa, bias, t, y);
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.LORA_MAT_MUL_FORWARD,
              c -> {
                c.matrix(x).matrix(xa).struct(CpuWeights.weight(c, w));
                bias.ifPresentOrElse(c::matrix, c::absent);
                c.struct(LoraStruct.write(c, rows, List.of())).matrix(t).matrix(y);
              });
    }
  }

  /**
   * t = xa aᵀ; y = residual + x wᵀ + t (scale b)ᵀ + bias. What is added to residual is rounded
   * before, but for few rows and a 4-bit weight on a GPU.
   *
   * @param x as in forward
   * @param xa as in forward
   * @param w (out, in)
   * @param bias (1, out), F32
   * @param rows as in forward
   * @param t as in forward
   * @param residual shape and type of y; must not share memory with it
   * @param y (tokens, out), F32 or BF16
   */
  public static void forwardPlus(
      Matrix x,
      Matrix xa,
      Weight w,
      Optional<Matrix> bias,
      List<LoraRows> rows,
      Matrix t,
      Matrix residual,
      Matrix y) {
    Device device = LoraCheck.forward(x, xa, w, bias, rows, t, y);
    Check.same(OP, "residual", residual, y);
    switch (device) {
      case CudaDevice cuda ->
          new CudaLoraMatMul(cuda, w, rows).forwardPlus(x, xa, bias, t, residual, y);
      case CpuDevice _ -> {
        forward(x, xa, w, bias, rows, t, y);
        Add.run(residual, y);
      }
    }
  }

  /**
   * t = xa aᵀ; h = f(gate) * up, where [gate | up] = x wᵀ + t (scale b)ᵀ + bias: for whom gate and
   * up are not needed afterwards. Few rows and a 4-bit weight of these two bands do not round them
   * on a GPU.
   *
   * @param x as in forward
   * @param xa as in forward
   * @param w (2 F, in): gate above up
   * @param bias (1, 2 F), F32
   * @param rows as in forward
   * @param t as in forward
   * @param f the activation
   * @param gateUp (tokens, 2 F), scratch of the type of h
   * @param h (tokens, F), F32 or BF16
   */
  public static void forwardGlu(
      Matrix x,
      Matrix xa,
      Weight w,
      Optional<Matrix> bias,
      List<LoraRows> rows,
      Matrix t,
      Activation f,
      Matrix gateUp,
      Matrix h) {
    Device device = LoraCheck.forward(x, xa, w, bias, rows, t, gateUp);
    Glu.check(gateUp, h, "h");
    switch (device) {
      case CudaDevice cuda ->
          new CudaLoraMatMul(cuda, w, rows).forwardGlu(x, xa, bias, t, f, gateUp, h);
      case CpuDevice _ -> {
        forward(x, xa, w, bias, rows, t, gateUp);
        Glu.forward(f, gateUp, h);
      }
    }
  }

  /**
   * u = dy (scale b); bSum += scale dyᵀ t; aSum += uᵀ xa; dx = dy w + u a.
   *
   * @param dy (tokens, out), type of x
   * @param xa from forward; must be x
   * @param t from forward
   * @param w (out, in)
   * @param rows from forward
   * @param grads for each entry of rows; entries of one adapter may name the same sums
   * @param u scratch of the shape of t
   * @param dx (tokens, in), F32 or BF16; must not share memory with dy
   */
  public static void backward(
      Matrix dy,
      Matrix xa,
      Matrix t,
      Weight w,
      List<LoraRows> rows,
      List<LoraGradients> grads,
      Matrix u,
      Matrix dx) {
    backward(dy, xa, t, w, rows, grads, u, dx, Optional.empty());
  }

  /**
   * As {@link #backward}, for an input of A that went through dropout: dx = dy w; dxa = u a, and 0
   * in rows without adapter.
   *
   * @param dy (tokens, out), type of x
   * @param xa from forward: x after dropout
   * @param t from forward
   * @param w (out, in)
   * @param rows from forward
   * @param grads for each entry of rows; entries of one adapter may name the same sums
   * @param u scratch of the shape of t
   * @param dx (tokens, in), F32 or BF16; must not share memory with dy
   * @param dxa (tokens, in), type of x; must not share memory with dy
   */
  public static void backwardDropped(
      Matrix dy,
      Matrix xa,
      Matrix t,
      Weight w,
      List<LoraRows> rows,
      List<LoraGradients> grads,
      Matrix u,
      Matrix dx,
      Matrix dxa) {
    Check.same(OP, "dxa", dxa, xa);
    backward(dy, xa, t, w, rows, grads, u, dx, Optional.of(dxa));
  }

  private static void backward(
      Matrix dy,
      Matrix xa,
      Matrix t,
      Weight w,
      List<LoraRows> rows,
      List<LoraGradients> grads,
      Matrix u,
      Matrix dx,
      Optional<Matrix> dxa) {
    Device device = Check.compute(OP, "dy", dy);
    Check.weight(OP, w, dy.cols(), w.cols(), dy);
    Check.matrix(OP, "xa", xa, dy.dtype(), dy.rows(), w.cols(), dy);
    Check.activation(OP, "dx", dx, dy.rows(), w.cols(), dy);
    Check.same(OP, "u", u, t);
    LoraCheck.rows(rows, xa, t, w);
    LoraCheck.gradients(rows, grads, dy);
    switch (device) {
      case CudaDevice cuda ->
          new CudaLoraMatMul(cuda, w, rows).backward(dy, xa, t, grads, u, dx, dxa);
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.LORA_MAT_MUL_BACKWARD,
              c -> {
                c.matrix(dy).matrix(xa).matrix(t).struct(CpuWeights.weight(c, w));
                c.struct(LoraStruct.write(c, rows, grads)).matrix(u).matrix(dx);
                dxa.ifPresentOrElse(c::matrix, c::absent);
              });
    }
  }
}
