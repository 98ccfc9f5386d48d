package io.gatun.kernels.ops;

import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cpu.CpuWeights;
import io.gatun.kernels.cuda.CudaDevice;
import java.util.List;

/**
 * The values of a 4-bit weight: code value times scale in F32, rounded to the band's recorded type,
 * then to the type of y. Bit for bit what bitsandbytes reads. C: gatun_nf4_dequantize.
 */
public final class Nf4Dequantize {
  private Nf4Dequantize() {}

  /**
   * Decodes all bands.
   *
   * @param w (rows, cols)
   * @param y (rows, cols), any type
   */
  public static void run(Nf4Matrix w, Matrix y) {
    Device device = y.buffer().device();
    Check.weight("nf4_dequantize", w, y.rows(), y.cols(), y);
    switch (device) {
      case CudaDevice cuda -> throw cuda.lacks("nf4_dequantize");
      case CpuDevice cpu ->
          cpu.call(CpuKernel.NF4_DEQUANTIZE, c -> c.struct(CpuWeights.weight(c, w)).matrix(y));
    }
  }

  /**
   * Decodes one band.
   *
   * @param band (rows, cols)
   * @param y (rows, cols), any type
   */
  public static void run(Band band, Matrix y) {
    run(Nf4Matrix.of(List.of(band)), y);
  }
}
