package io.gatun.kernels.ops;

import io.gatun.kernels.Device;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/** Rows of a table by number. C: gatun_embedding_forward, gatun_embedding_backward. */
public final class Embedding {
  private Embedding() {}

  /**
   * y[i] = table[ids[i]] * scale, in F32, rounded once. Also gathers rows of activations.
   *
   * @param table (entries, cols), F32 or BF16
   * @param ids row numbers, 0 to entries - 1
   * @param scale factor
   * @param y (ids, cols), F32 or BF16
   * @throws DeviceException when an id lies outside the table; y is then undefined; a GPU throws at
   *     the next download or wait
   */
  public static void forward(Matrix table, Ints ids, float scale, Matrix y) {
    Device device = check("embedding", table, ids, y);
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.EMBEDDING_FORWARD)
              .matrix("table", table)
              .pointer("ids", ids.buffer(), ids.offset())
              .number("scale", scale)
              .matrix("y", y)
              .badIndex("outside")
              .enqueue(CudaGrid.pieces(y));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.EMBEDDING_FORWARD, c -> c.matrix(table).ints(ids).number(scale).matrix(y));
    }
  }

  /**
   * dTable[ids[i]] += dy[i] * scale, for i = 0, 1, ... in this order. Also scatters rows of
   * gradients.
   *
   * @param dy (ids, cols), F32 or BF16
   * @param ids row numbers, 0 to entries - 1
   * @param scale factor
   * @param dTableSum (entries, cols), F32 or BF16; a BF16 row is rounded after each addition
   * @throws DeviceException when an id lies outside the table; dTableSum is then undefined; a GPU
   *     throws at the next download or wait
   */
  public static void backward(Matrix dy, Ints ids, float scale, Matrix dTableSum) {
    Device device = check("embedding_backward", dTableSum, ids, dy);
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.EMBEDDING_BACKWARD)
              .matrix("dy", dy)
              .pointer("ids", ids.buffer(), ids.offset())
              .number("scale", scale)
              .matrix("dTableSum", dTableSum)
              .badIndex("outside")
              .enqueue(CudaGrid.pieces(dy));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.EMBEDDING_BACKWARD,
              c -> c.matrix(dy).ints(ids).number(scale).matrix(dTableSum));
    }
  }

  private static Device check(String op, Matrix table, Ints ids, Matrix y) {
    Device device = Check.compute(op, "table", table);
    Check.compute(op, "y", y);
    Check.matrix(op, "y", y, y.dtype(), y.rows(), table.cols(), table);
    Check.ints(op, "ids", ids, y.rows(), table);
    return device;
  }
}
