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

/** Keys and values of new tokens into a cache. C: gatun_kv_append. */
public final class KvAppend {
  private KvAppend() {}

  /**
   * cache[rows[i]] = k[i] | v[i]. Other rows stay.
   *
   * @param k (tokens, cols), F32 or BF16
   * @param v (tokens, cols), of k's type
   * @param rows a row of the cache for each token, none twice
   * @param cache (any rows, 2 cols), of k's type
   * @throws DeviceException when a row lies outside the cache, which is then undefined; a GPU
   *     throws at the next download or wait
   */
  public static void run(Matrix k, Matrix v, Ints rows, Matrix cache) {
    Device device = Check.compute("kv_append", "k", k);
    Check.same("kv_append", "v", v, k);
    Check.ints("kv_append", "rows", rows, k.rows(), k);
    Check.matrix("kv_append", "cache", cache, k.dtype(), cache.rows(), 2 * k.cols(), k);
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.KV_APPEND)
              .matrix("k", k)
              .matrix("v", v)
              .pointer("rows", rows.buffer(), rows.offset())
              .matrix("cache", cache)
              .badIndex("outside")
              .enqueue(CudaGrid.items(k.rows(), 2L * CudaGrid.pieces(k.cols())));
      case CpuDevice cpu ->
          cpu.call(CpuKernel.KV_APPEND, c -> c.matrix(k).matrix(v).ints(rows).matrix(cache));
    }
  }
}
