package io.gatun.kernels.ops;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.Weight;
import java.lang.foreign.Arena;
import java.util.List;

/** Weights for tests: dense ones and quantized ones, and the values a product must see. */
final class Weights {
  private Weights() {}

  /** An empty band whose buffers fit. */
  static Band band(
      Device device,
      Code code,
      int blockSize,
      int rows,
      int cols,
      DType recorded,
      Layout layout,
      boolean nested,
      Arena arena) {
    int blocks = Math.toIntExact(Math.ceilDiv((long) rows * cols, blockSize));
    var codes = device.allocate("codes", layout.bytes(rows, cols), arena);
    Scales scales =
        nested
            ? new Scales.Nested(
                device.allocate("scale codes", blocks, arena),
                device.allocate("nested scales", Math.ceilDiv(blocks, 256) * 4L, arena),
                0)
            : new Scales.Plain(device.allocate("scales", blocks * 4L, arena));
    return new Band(code, blockSize, rows, cols, recorded, layout, codes, scales);
  }

  /** A band of normally distributed numbers. */
  static Band quantized(
      Device device,
      Code code,
      int blockSize,
      int rows,
      int cols,
      DType recorded,
      Layout layout,
      boolean nested,
      long seed,
      Arena arena) {
    Matrix x = Matrix.allocate(device, "source", DType.F32, rows, cols, arena);
    HostCopy.write(x, Samples.normal(seed, rows * cols));
    return Nf4Quantize.run(
        x, band(device, code, blockSize, rows, cols, recorded, layout, nested, arena));
  }

  /** One band in the layout its columns allow. */
  static Nf4Matrix nf4(Device device, int rows, int cols, long seed, Arena arena) {
    Layout layout = Layout.TILED.takes(cols, 64) ? Layout.TILED : Layout.FILE;
    return Nf4Matrix.of(
        List.of(
            quantized(device, Code.NF4, 64, rows, cols, DType.BF16, layout, true, seed, arena)));
  }

  /** The values of a weight, rounded to the compute type. */
  static double[] values(Weight w, DType compute, Arena arena) {
    return switch (w) {
      case Matrix m -> {
        Matrix rounded =
            Matrix.allocate(m.buffer().device(), "rounded", compute, m.rows(), m.cols(), arena);
        HostCopy.write(rounded, HostCopy.readFloats(m));
        yield Samples.values(rounded);
      }
      case Nf4Matrix m -> {
        Device device = m.bands().getFirst().codes().device();
        Matrix decoded = Matrix.allocate(device, "decoded", compute, m.rows(), m.cols(), arena);
        Nf4Dequantize.run(m, decoded);
        yield Samples.values(decoded);
      }
    };
  }

  /**
   * What few rows are multiplied with on a GPU: the values of the codes rounded to BF16, and then
   * multiplied by the scale of their block.
   */
  static double[] scaledAfterRounding(Nf4Matrix m, Arena arena) {
    var values = new double[m.rows() * m.cols()];
    int first = 0;
    for (Band band : m.bands()) {
      int[] codes = codes(band, arena);
      float[] of = codeValues(band);
      float[] scales = scales(band);
      for (int i = 0; i < codes.length; i++) {
        double value = Float.intBitsToFloat(HostCopy.bf16(of[codes[i]]) << 16);
        values[first + i] = value * scales[i / band.blockSize()];
      }
      first += codes.length;
    }
    return values;
  }

  /** The codes of a band, row after row. */
  static int[] codes(Band band, Arena arena) {
    byte[] packed = Nf4QuantizeTest.codes(band, arena);
    var codes = new int[band.rows() * band.cols()];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = packed[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15;
    }
    return codes;
  }

  /** What the sixteen codes of a band stand for. */
  static float[] codeValues(Band band) {
    return band.code() == Code.NF4 ? Nf4DequantizeReference.NF4 : Nf4DequantizeReference.FP4;
  }

  /** The scales of a band's blocks. */
  static float[] scales(Band band) {
    return switch (band.scales()) {
      case Scales.Plain plain -> Nf4QuantizeTest.floats(plain.absmax());
      case Scales.Nested nested ->
          Nf4DequantizeReference.nestedScales(
              Nf4QuantizeTest.bytes(nested.codes()),
              Nf4QuantizeTest.floats(nested.absmax()),
              nested.offset());
    };
  }
}
