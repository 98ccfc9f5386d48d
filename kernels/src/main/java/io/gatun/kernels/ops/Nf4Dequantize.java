package io.gatun.kernels.ops;

import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cpu.CpuWeights;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;
import java.util.List;
import java.util.Optional;

/**
 * The values of a 4-bit weight: code value times scale in F32, rounded to the band's recorded type,
 * then to the type of y. Bit for bit what bitsandbytes reads. C: gatun_nf4_dequantize.
 */
public final class Nf4Dequantize {
  // A round of a CUDA block, so that its tables are worth filling.
  private static final int BLOCK_ELEMENTS = 1 << 14;

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
      case CudaDevice cuda -> {
        int first = 0;
        for (Band band : w.bands()) {
          launch(cuda, band, y.rowSlice(first, band.rows()));
          first += band.rows();
        }
      }
      case CpuDevice cpu ->
          cpu.call(CpuKernel.NF4_DEQUANTIZE, c -> c.struct(CpuWeights.weight(c, w)).matrix(y));
    }
  }

  /**
   * Decodes all bands once for many products: of the type of the values, on a GPU.
   *
   * @param w (rows, cols)
   * @param values at least (rows, cols) F32 or BF16; what is more is room for ranks of adapters
   * @return the same weight, {@link Nf4Matrix#exact}, with its values
   * @throws IllegalArgumentException when they are smaller, or F16
   */
  public static Nf4Matrix keep(Nf4Matrix w, Matrix values) {
    Check.compute("nf4_dequantize", "values", values);
    var kept = new Nf4Matrix(w.bands(), w.rows(), w.cols(), true, Optional.of(values));
    run(w, values.rowSlice(0, w.rows()).colSlice(0, w.cols()));
    return kept;
  }

  private static void launch(CudaDevice cuda, Band band, Matrix y) {
    cuda.launch(CudaKernel.NF4_DEQUANTIZE)
        .band("w", band)
        .matrix("y", y)
        .enqueue(CudaGrid.blocks((long) band.rows() * band.cols(), BLOCK_ELEMENTS));
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
