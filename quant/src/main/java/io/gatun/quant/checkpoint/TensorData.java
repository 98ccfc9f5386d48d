package io.gatun.quant.checkpoint;

import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.Supplier;

/**
 * A tensor to be written: its entry in the header, and its bytes when the writer comes to it.
 *
 * @param name its name in the file
 * @param type the type of its elements
 * @param shape its dimensions, the slowest first
 * @param content gives its bytes, little-endian, in order
 */
public record TensorData(String name, TensorType type, List<Long> shape, Content content) {
  private static final int PIECE = 1 << 20;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Gives the bytes of a tensor, piece by piece, so that no more than a piece is in memory. */
  @FunctionalInterface
  public interface Content {
    /**
     * Gives all bytes, first to last.
     *
     * @param sink takes a piece; the segment may be used again afterwards
     */
    void writeTo(Sink sink);
  }

  /** Takes the bytes of a tensor. */
  @FunctionalInterface
  public interface Sink {
    /**
     * Takes the next piece.
     *
     * @param bytes any number of bytes
     */
    void accept(MemorySegment bytes);
  }

  /** Copies the shape, and refuses one that does not fill whole bytes. */
  public TensorData {
    shape = List.copyOf(shape);
    bytes(type, shape);
  }

  /**
   * A tensor whose bytes are in memory, or in a mapped file.
   *
   * @param name its name in the file
   * @param type the type of its elements
   * @param shape its dimensions
   * @param bytes its bytes
   * @return the tensor
   */
  public static TensorData of(String name, TensorType type, List<Long> shape, MemorySegment bytes) {
    return new TensorData(name, type, shape, sink -> sink.accept(bytes));
  }

  /**
   * A tensor of fp32 values, made when the writer comes to it.
   *
   * @param name its name in the file
   * @param shape its dimensions
   * @param values called once
   * @return the tensor
   */
  public static TensorData floats(String name, List<Long> shape, Supplier<float[]> values) {
    return new TensorData(name, TensorType.F32, shape, sink -> sink.accept(bytes(values.get())));
  }

  /**
   * A matrix on a device, in its own type; its rows follow each other without gaps in the file.
   *
   * @param name its name in the file
   * @param shape its dimensions, whose product is rows * cols
   * @param matrix downloaded piece by piece
   * @return the tensor
   */
  public static TensorData matrix(String name, List<Long> shape, Matrix matrix) {
    var type =
        switch (matrix.dtype()) {
          case F32 -> TensorType.F32;
          case F16 -> TensorType.F16;
          case BF16 -> TensorType.BF16;
        };
    return new TensorData(name, type, shape, sink -> download(matrix, sink));
  }

  /**
   * The bytes of the tensor.
   *
   * @return its size in the file
   */
  public long bytes() {
    return bytes(type, shape);
  }

  private static long bytes(TensorType type, List<Long> shape) {
    long bits = type.bits();
    for (long n : shape) {
      bits = Math.multiplyExact(bits, n);
    }
    if (bits % 8 != 0 || shape.stream().anyMatch(n -> n < 0)) {
      throw new IllegalArgumentException(type + " " + shape + " does not fill whole bytes");
    }
    return bits / 8;
  }

  private static MemorySegment bytes(float[] values) {
    var bytes = new byte[Math.multiplyExact(values.length, Float.BYTES)];
    MemorySegment.copy(values, 0, MemorySegment.ofArray(bytes), FLOAT, 0, values.length);
    return MemorySegment.ofArray(bytes);
  }

  private static void download(Matrix matrix, Sink sink) {
    var device = matrix.buffer().device();
    int size = matrix.dtype().bytes();
    long row = (long) matrix.cols() * size;
    boolean dense = matrix.rowStride() == matrix.cols();
    long bytes = dense ? row * matrix.rows() : row;
    try (var arena = Arena.ofConfined()) {
      var piece = arena.allocate(Math.max(1, Math.min(PIECE, bytes)));
      for (int i = 0; i < (dense ? Math.min(1, matrix.rows()) : matrix.rows()); i++) {
        long start = matrix.offset() + (long) i * matrix.rowStride() * size;
        for (long at = 0; at < bytes; at += piece.byteSize()) {
          var part = piece.asSlice(0, Math.min(piece.byteSize(), bytes - at));
          device.download(matrix.buffer(), start + at, part);
          sink.accept(part);
        }
      }
    }
  }
}
