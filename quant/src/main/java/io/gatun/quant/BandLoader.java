package io.gatun.quant;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.ops.Nf4Quantize;
import io.gatun.kernels.ops.Nf4Repack;
import io.gatun.quant.checkpoint.BnbTensor;
import java.lang.foreign.Arena;

/**
 * Makes the bands of 4-bit weights. Codes lie in tiles, as the kernels read them fastest, where the
 * shape allows it, else in file order.
 *
 * @param name of the buffers
 * @param arena owns the buffers
 */
record BandLoader(Device device, String name, Arena arena) {

  /** Quantizes a matrix of F32 values, which are those of a tensor of the recorded type. */
  Band quantize(Matrix values, WeightFormat.FourBit format, DType recorded) {
    var empty = empty(values.rows(), values.cols(), format, recorded, 0);
    return Nf4Quantize.run(values, empty, format.scaleCodes());
  }

  /** A band whose codes and scales are still to be written; the offset is of nested scales. */
  Band empty(int rows, int cols, WeightFormat.FourBit format, DType recorded, float offset) {
    var layout = layout(cols, format.blockSize());
    long blocks = blocks(rows, cols, format);
    var scales = format.doubleQuant() ? nested(blocks, offset) : plain(blocks);
    var codes = codes(layout, rows, cols);
    return new Band(format.code(), format.blockSize(), rows, cols, recorded, layout, codes, scales);
  }

  /** Bytes of the codes of a band. */
  static long codeBytes(int rows, int cols, WeightFormat.FourBit format) {
    return layout(cols, format.blockSize()).bytes(rows, cols);
  }

  /** Bytes of the scales of a band, nested ones included. */
  static long scaleBytes(int rows, int cols, WeightFormat.FourBit format) {
    long blocks = blocks(rows, cols, format);
    return format.doubleQuant()
        ? blocks + Math.ceilDiv(blocks, Band.NESTED_BLOCK) * Float.BYTES
        : blocks * Float.BYTES;
  }

  private static long blocks(int rows, int cols, WeightFormat.FourBit format) {
    return Math.ceilDiv((long) rows * cols, format.blockSize());
  }

  /** Copies a stored weight, bit for bit. */
  Band upload(BnbTensor tensor) {
    var layout = layout(tensor.cols(), tensor.blockSize());
    var codes = codes(layout, tensor.rows(), tensor.cols());
    var scales = upload(tensor.scales());
    var band = band(tensor, layout, codes, scales);
    if (layout == Layout.FILE) {
      device.upload(tensor.codes(), codes, 0);
      return band;
    }
    try (var scratch = Arena.ofConfined()) {
      var stored = device.allocate("loading", tensor.codes().byteSize(), scratch);
      device.upload(tensor.codes(), stored, 0);
      Nf4Repack.run(band(tensor, Layout.FILE, stored, scales), band);
    }
    return band;
  }

  private static Band band(BnbTensor t, Layout layout, Buffer codes, Scales scales) {
    return new Band(
        t.code(), t.blockSize(), t.rows(), t.cols(), t.recordedDtype(), layout, codes, scales);
  }

  private Scales upload(BnbTensor.Scales scales) {
    return switch (scales) {
      case BnbTensor.Scales.Plain p -> {
        var plain = plain(p.absmax().byteSize() / Float.BYTES);
        device.upload(p.absmax(), plain.absmax(), 0);
        yield plain;
      }
      case BnbTensor.Scales.Nested n -> {
        var nested = nested(n.codes().byteSize(), n.offset());
        device.upload(n.codes(), nested.codes(), 0);
        device.upload(n.absmax(), nested.absmax(), 0);
        yield nested;
      }
    };
  }

  private Scales.Plain plain(long blocks) {
    return new Scales.Plain(scales(blocks * Float.BYTES));
  }

  private Scales.Nested nested(long blocks, float offset) {
    long groups = Math.ceilDiv(blocks, Band.NESTED_BLOCK);
    return new Scales.Nested(scales(blocks), scales(groups * Float.BYTES), offset);
  }

  private Buffer codes(Layout layout, int rows, int cols) {
    return device.allocate(name + ".codes", layout.bytes(rows, cols), arena);
  }

  private Buffer scales(long bytes) {
    return device.allocate(name + ".scales", bytes, arena);
  }

  private static Layout layout(int cols, int blockSize) {
    return Layout.TILED.takes(cols, blockSize) ? Layout.TILED : Layout.FILE;
  }
}
