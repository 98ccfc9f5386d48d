package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.cpu.CpuDevice;
import io.gatun.kernels.cpu.CpuKernel;
import io.gatun.kernels.cpu.CpuWeights;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaGrid;
import io.gatun.kernels.cuda.CudaKernel;
import java.lang.foreign.Arena;

/**
 * Quantization to 4 bits: in each block of elements, the scale is the largest magnitude and a code
 * is chosen by the thresholds half-way between the code's values. With nested scales, the scales
 * minus their mean are quantized to 8 bits in blocks of 256 by the signed dynamic map. Bit for bit
 * what bitsandbytes writes. C: gatun_nf4_quantize.
 */
public final class Nf4Quantize {
  /** How the 8-bit code of a nested scale is chosen. */
  public enum NestedCode {
    /** The nearest entry of the map, the lower one at equal distance. */
    NEAREST,
    /**
     * The entry nearest to the nearest of 65536 equidistant numbers in [-1, 1], as bitsandbytes'
     * native CPU library chooses it: one code in 400 is a neighbour of the nearest one.
     */
    BINNED
  }

  private static final int LARGEST_BLOCK = 4096;
  private static final int BLOCKS_EACH = 32; // of a CUDA block, four for each of its warps

  private Nf4Quantize() {}

  /**
   * Quantizes with the nearest nested codes.
   *
   * @param x (rows, cols), F32, without gaps between rows; holds values of the band's recorded type
   * @param out the band whose codes and scales are written; its offset is not read
   * @return out with the offset of its nested scales
   */
  public static Band run(Matrix x, Band out) {
    return run(x, out, NestedCode.NEAREST);
  }

  /**
   * Quantizes.
   *
   * @param x (rows, cols), F32, without gaps between rows; holds values of the band's recorded type
   * @param out the band whose codes and scales are written; its offset is not read
   * @param nestedCode how nested codes are chosen
   * @return out with the offset of its nested scales
   */
  public static Band run(Matrix x, Band out, NestedCode nestedCode) {
    Check.matrix("nf4_quantize", "x", x, DType.F32, out.rows(), out.cols(), x);
    if (x.rowStride() != x.cols() && x.rows() > 1) {
      throw Check.wrong(
          "nf4_quantize",
          "x is %s with row stride %s; copy it into a matrix without gaps",
          x.shape(),
          x.rowStride());
    }
    if (out.blockSize() % 2 != 0 || out.blockSize() > LARGEST_BLOCK) {
      throw Check.wrong(
          "nf4_quantize",
          "blocks of %s elements; must be an even number up to %s",
          out.blockSize(),
          LARGEST_BLOCK);
    }
    int blocks = Math.toIntExact(Math.ceilDiv((long) out.rows() * out.cols(), out.blockSize()));
    Device device = x.buffer().device();
    return switch (out.scales()) {
      case Scales.Plain plain -> {
        quantize(device, x, out, Matrix.of(plain.absmax(), 0, DType.F32, 1, blocks), nestedCode);
        yield out;
      }
      case Scales.Nested nested -> {
        try (Arena arena = Arena.ofConfined()) {
          Matrix absmax =
              Matrix.allocate(device, "scales to be nested", DType.F32, 1, blocks, arena);
          yield withOffset(out, nested, quantize(device, x, out, absmax, nestedCode));
        }
      }
    };
  }

  private static float quantize(
      Device device, Matrix x, Band out, Matrix absmax, NestedCode nestedCode) {
    return switch (device) {
      case CudaDevice cuda -> quantize(cuda, x, out, absmax, nestedCode);
      case CpuDevice cpu ->
          (float)
              cpu.callForDouble(
                  CpuKernel.NF4_QUANTIZE,
                  c ->
                      c.matrix(x)
                          .struct(CpuWeights.band(c, out))
                          .matrix(absmax)
                          .integer(nestedCode.ordinal())
                          .result());
    };
  }

  private static float quantize(
      CudaDevice cuda, Matrix x, Band out, Matrix absmax, NestedCode nestedCode) {
    int blocks = absmax.cols();
    cuda.launch(CudaKernel.NF4_QUANTIZE)
        .matrix("x", x)
        .band("out", out)
        .pointer("absmax", absmax.buffer(), 0)
        .enqueue(CudaGrid.blocks(blocks, BLOCKS_EACH));
    if (!(out.scales() instanceof Scales.Nested nested) || blocks == 0) {
      return 0;
    }
    try (Arena arena = Arena.ofConfined()) {
      Matrix mean = Matrix.allocate(cuda, "mean of scales", DType.F32, 1, 1, arena);
      cuda.launch(CudaKernel.NF4_MEAN_SCALE)
          .pointer("absmax", absmax.buffer(), 0)
          .count("count", blocks)
          .pointer("mean", mean.buffer(), 0)
          .enqueue(1);
      cuda.launch(CudaKernel.NF4_NEST_SCALES)
          .band("out", out)
          .pointer("absmax", absmax.buffer(), 0)
          .count("count", blocks)
          .pointer("mean", mean.buffer(), 0)
          .integer("binned", nestedCode.ordinal())
          .pointer("nested", nested.absmax(), 0)
          .enqueue(CudaGrid.blocks(blocks, Band.NESTED_BLOCK));
      return HostCopy.readFloats(mean)[0];
    }
  }

  private static Band withOffset(Band band, Scales.Nested nested, float offset) {
    return new Band(
        band.code(),
        band.blockSize(),
        band.rows(),
        band.cols(),
        band.recordedDtype(),
        band.layout(),
        band.codes(),
        new Scales.Nested(nested.codes(), nested.absmax(), offset));
  }
}
