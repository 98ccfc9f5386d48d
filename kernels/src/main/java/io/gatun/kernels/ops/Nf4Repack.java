package io.gatun.kernels.ops;

import io.gatun.kernels.Device;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cpu.CpuWeights;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;

/**
 * Changes the layout of the codes of a 4-bit matrix, between file order and tiles. C:
 * gatun_nf4_repack.
 */
public final class Nf4Repack {
  private static final int BLOCK_CODES = 1 << 13; // a tile for each warp of a CUDA block

  private Nf4Repack() {}

  /**
   * Copies codes; scales are the same in every layout and are not touched.
   *
   * @param from a band
   * @param to a band of the same shape with other codes
   */
  public static void run(Band from, Band to) {
    if (from.rows() != to.rows() || from.cols() != to.cols() || from.codes() == to.codes()) {
      throw Check.wrong(
          "nf4_repack",
          "from is %s, to is %s; they must have one shape and different codes",
          from.rows() + "x" + from.cols(),
          to.rows() + "x" + to.cols());
    }
    Device device = from.codes().device();
    switch (device) {
      case CudaDevice cuda ->
          cuda.launch(CudaKernel.NF4_REPACK)
              .band("from", from)
              .band("to", to)
              .enqueue(CudaGrid.blocks((long) from.rows() * from.cols(), BLOCK_CODES));
      case CpuDevice cpu ->
          cpu.call(
              CpuKernel.NF4_REPACK,
              c -> c.struct(CpuWeights.band(c, from)).struct(CpuWeights.band(c, to)));
    }
  }
}
