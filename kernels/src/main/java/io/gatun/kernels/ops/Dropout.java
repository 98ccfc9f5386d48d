package io.gatun.kernels.ops;

import io.gatun.kernels.Device;
import io.gatun.kernels.DropoutKey;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Philox;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/**
 * Inverted dropout. Feature f of a token is kept when {@link Philox#unit} of word f % 4 of {@link
 * Philox#words}(seed, f / 4, token index, step, {@link DropoutKey#word}) is at least p. C:
 * gatun_dropout.
 */
public final class Dropout {
  private Dropout() {}

  /**
   * y = kept ? x / (1 - p) : 0.
   *
   * @param x (tokens, features), F32 or BF16
   * @param key which mask
   * @param tokenIndex of each row, counted over the optimizer step before packing
   * @param p probability of a zero, 0 to below 1
   * @param y (tokens, features), type of x; may be x
   */
  public static void forward(Matrix x, DropoutKey key, Ints tokenIndex, float p, Matrix y) {
    run(x, key, tokenIndex, p, y, 0);
  }

  /**
   * dx += kept ? dy / (1 - p) : 0, with the mask of {@link #forward}.
   *
   * @param dy (tokens, features), F32 or BF16
   * @param key as in forward
   * @param tokenIndex as in forward
   * @param p as in forward
   * @param dxSum (tokens, features), type of dy
   */
  public static void backwardSum(
      Matrix dy, DropoutKey key, Ints tokenIndex, float p, Matrix dxSum) {
    run(dy, key, tokenIndex, p, dxSum, 1);
  }

  private static void run(Matrix x, DropoutKey key, Ints tokenIndex, float p, Matrix y, int add) {
    Device device = Check.compute("dropout", "x", x);
    Check.same("dropout", "y", y, x);
    Check.ints("dropout", "tokenIndex", tokenIndex, x.rows(), x);
    if (!(p >= 0 && p < 1)) {
      throw Check.wrong(
          "dropout", "the probability is %s, must be 0 to below 1 (x is %s)", p, x.shape());
    }
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.DROPOUT)
              .matrix("x", x)
              .count("seed", key.seed())
              .integer("step", key.step())
              .integer("purpose", key.word())
              .pointer("tokenIndex", tokenIndex.buffer(), tokenIndex.offset())
              .integer("threshold", (int) Math.ceil(p * 0x1p24))
              .number("scale", (float) (1 / (1 - (double) p)))
              .matrix("y", y)
              .integer("add", add)
              .enqueue(CudaGrid.pieces(x));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.DROPOUT,
              c ->
                  c.matrix(x)
                      .count(key.seed())
                      .integer(key.step())
                      .integer(key.word())
                      .ints(tokenIndex)
                      .number((double) p)
                      .matrix(y)
                      .integer(add));
    }
  }
}
