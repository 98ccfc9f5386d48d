package io.gatun.runtime.adapter;

import io.gatun.kernels.Activation;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.Cast;
import io.gatun.kernels.ops.LoraMatMul;
import io.gatun.kernels.ops.MatMul;
import io.gatun.runtime.adapter.Delta.LowRank;
import io.gatun.runtime.adapter.Delta.Mask;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * One frozen product and what adapters add to it.
 *
 * <pre>
 *   y  = x Wᵀ + b + s (drop(x) Aᵀ) Bᵀ
 *   dx = dy W + dropᵀ(s (dy B) A),   dA += s (dy B)ᵀ drop(x),   dB += s dyᵀ (drop(x) Aᵀ)
 * </pre>
 *
 * The one place that knows what to do where a product has no adapter, no bias or no dropout.
 *
 * @param weight W (out, in)
 * @param bias b (1, out) F32, or none
 */
public record LoraLinear(Weight weight, Optional<Matrix> bias) {

  /**
   * The same product for passes whose results are compared: however few rows they have, a 4-bit
   * weight is decoded to the bit.
   *
   * @return over the same memory
   */
  public LoraLinear exactly() {
    return weight instanceof Nf4Matrix w ? new LoraLinear(w.exactly(), bias) : this;
  }

  /**
   * y from x.
   *
   * @param x (tokens, in)
   * @param delta what adapters add
   * @param y (tokens, out)
   */
  public void forward(Matrix x, Delta delta, Matrix y) {
    switch (delta) {
      case Delta.None() -> plain(x, y);
      case LowRank low ->
          adapted(x, low, (xa, t) -> LoraMatMul.forward(x, xa, weight, bias, low.rows(), t, y));
    }
  }

  /**
   * y = residual + what {@link #forward} makes.
   *
   * @param x (tokens, in)
   * @param delta what adapters add
   * @param residual (tokens, out), other memory than y
   * @param y (tokens, out)
   */
  public void forwardPlus(Matrix x, Delta delta, Matrix residual, Matrix y) {
    switch (delta) {
      case Delta.None() -> MatMul.forwardPlus(x, weight, bias, residual, y);
      case LowRank low ->
          adapted(
              x,
              low,
              (xa, t) -> LoraMatMul.forwardPlus(x, xa, weight, bias, low.rows(), t, residual, y));
    }
  }

  /**
   * h = f(gate) * up of what {@link #forward} makes, which is then not kept.
   *
   * @param x (tokens, in)
   * @param delta what adapters add
   * @param f the activation
   * @param gateUp (tokens, out) scratch
   * @param h (tokens, out / 2)
   */
  public void forwardGlu(Matrix x, Delta delta, Activation f, Matrix gateUp, Matrix h) {
    switch (delta) {
      case Delta.None() -> MatMul.forwardGlu(x, weight, bias, f, gateUp, h);
      case LowRank low ->
          adapted(
              x,
              low,
              (xa, t) -> LoraMatMul.forwardGlu(x, xa, weight, bias, low.rows(), t, f, gateUp, h));
    }
  }

  /** Runs a product with the input of A and with room for t. */
  private static void adapted(Matrix x, LowRank low, BiConsumer<Matrix, Matrix> product) {
    var beside = low.room().beside(x, low.t().cols());
    Matrix t = beside.orElse(low.t());
    switch (low.mask()) {
      case Mask.Off() -> product.accept(x, t);
      case Mask.On mask -> {
        mask.forward(x);
        product.accept(mask.dropped(), t);
      }
    }
    if (!low.gradients().isEmpty()) { // others will use the room before backward
      beside.ifPresent(made -> Cast.run(made, low.t()));
    }
  }

  /**
   * dx from dy, and the gradients of the factors.
   *
   * @param dy (tokens, out)
   * @param x (tokens, in), as in forward
   * @param delta as in forward
   * @param dx (tokens, in)
   */
  public void backward(Matrix dy, Matrix x, Delta delta, Matrix dx) {
    switch (delta) {
      case Delta.None() -> MatMul.backward(dy, weight, dx);
      case LowRank(var rows, var grads, var t, var u, var room, Mask.Off()) -> {
        Matrix near = room.beside(dy, u.cols()).orElse(u);
        LoraMatMul.backward(dy, x, t, weight, rows, grads, near, dx);
      }
      case LowRank(var rows, var grads, var t, var u, _, Mask.On mask) -> {
        mask.forward(x);
        LoraMatMul.backwardDropped(
            dy, mask.dropped(), t, weight, rows, grads, u, dx, mask.dDropped());
        mask.backwardSum(dx);
      }
    }
  }

  private void plain(Matrix x, Matrix y) {
    if (bias.isPresent()) {
      MatMul.forward(x, weight, bias.get(), y);
    } else {
      MatMul.forward(x, weight, y);
    }
  }
}
