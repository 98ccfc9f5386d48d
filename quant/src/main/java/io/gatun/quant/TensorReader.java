package io.gatun.quant;

import io.gatun.kernels.Buffer;
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
final class TensorReader implements AutoCloseable {
  private static final long PIECE = 4 << 20; // values: room to decode in parallel

  private final Checkpoint checkpoint;
  private final Device device;
  private final Scratch<MemorySegment> decoded =
      new Scratch<>((bytes, arena) -> arena.allocate(bytes));
  private final Scratch<Buffer> stage;

  TensorReader(Checkpoint checkpoint, Device device) {
    this.checkpoint = checkpoint;
    this.device = device;
    this.stage = new Scratch<>((bytes, arena) -> device.allocate("loading", bytes, arena));
  }

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
    long most = Matrix.bytes(type, rows, to.cols());
    for (int row = 0; row < to.rows(); row += rows) {
      int count = Math.min(rows, to.rows() - row);
      long at = Matrix.bytes(type, row, to.cols());
      long bytes = Matrix.bytes(type, count, to.cols());
      var piece =
          raw.isPresent() ? raw.get().asSlice(at, bytes) : decoded.atLeast(most).asSlice(0, bytes);
      if (raw.isEmpty()) {
        checkpoint.readFloats(name, row, count, piece);
      }
      if (type == to.dtype()) {
        device.upload(piece, to.buffer(), to.offset() + at);
      } else {
        var staged = Matrix.of(stage.atLeast(most), 0, type, count, to.cols());
        device.upload(piece, staged.buffer(), 0);
        Cast.run(staged, to.rowSlice(row, count));
      }
    }
  }

  private void dequantize(BnbTensor tensor, Matrix to) {
    try (var arena = Arena.ofConfined()) {
      var band = new BandLoader(device, "loading", arena).upload(tensor);
      Nf4Dequantize.run(Nf4Matrix.of(List.of(band)), to);
    }
  }

  @Override
  public void close() {
    decoded.close();
    stage.close();
  }
}
