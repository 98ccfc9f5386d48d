package io.gatun.quant;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.ops.Cast;
import io.gatun.kernels.ops.Nf4Dequantize;
import io.gatun.quant.checkpoint.BnbTensor;
import io.gatun.quant.checkpoint.Checkpoint;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/** Brings the values of one checkpoint tensor into a matrix, through pieces of bounded size. */
record TensorReader(Checkpoint checkpoint, Device device) {
  private static final long PIECE = 4 << 20; // values: room to decode in parallel

  /**
   * Fills {@code to}, which has the tensor's rows and columns and no gaps, rounding to its type.
   */
  void read(String name, Matrix to) {
    var fourBit = checkpoint.fourBit(name);
    if (fourBit.isPresent()) {
      dequantize(fourBit.get(), to);
      return;
    }
    var raw = checkpoint.raw(name).filter(_ -> dtype(name).isPresent());
    if (raw.isPresent() && dtype(name).get() == to.dtype()) {
      device.upload(raw.get(), to.buffer(), to.offset());
    } else {
      readPieces(name, raw, to);
    }
  }

  /** The matrix type of a tensor's stored values, if there is one. */
  Optional<DType> dtype(String name) {
    return switch (checkpoint.info(name).dtype()) {
      case "F32" -> Optional.of(DType.F32);
      case "F16" -> Optional.of(DType.F16);
      case "BF16" -> Optional.of(DType.BF16);
      default -> Optional.empty();
    };
  }

  private void readPieces(String name, Optional<MemorySegment> raw, Matrix to) {
    int rows = Math.clamp(PIECE / Math.max(1, to.cols()), 1, Math.max(1, to.rows()));
    var type = raw.isPresent() ? dtype(name).orElseThrow() : DType.F32;
    try (var arena = Arena.ofShared()) {
      var host =
          raw.isPresent()
              ? MemorySegment.NULL
              : arena.allocate(Matrix.bytes(type, rows, to.cols()));
      var stage =
          type == to.dtype()
              ? to
              : Matrix.allocate(device, "loading", type, rows, to.cols(), arena);
      for (int row = 0; row < to.rows(); row += rows) {
        int count = Math.min(rows, to.rows() - row);
        long at = Matrix.bytes(type, row, to.cols());
        long bytes = Matrix.bytes(type, count, to.cols());
        var piece = raw.isPresent() ? raw.get().asSlice(at, bytes) : host.asSlice(0, bytes);
        if (raw.isEmpty()) {
          checkpoint.readFloats(name, row, count, piece);
        }
        if (stage == to) {
          device.upload(piece, to.buffer(), to.offset() + at);
        } else {
          device.upload(piece, stage.buffer(), 0);
          Cast.run(stage.rowSlice(0, count), to.rowSlice(row, count));
        }
      }
    }
  }

  private void dequantize(BnbTensor tensor, Matrix to) {
    try (var arena = Arena.ofConfined()) {
      var band = new BandLoader(device, "loading", arena).upload(tensor);
      Nf4Dequantize.run(Nf4Matrix.of(List.of(band)), to);
    }
  }
}
