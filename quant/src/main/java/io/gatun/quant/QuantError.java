package io.gatun.quant;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.Cast;
import io.gatun.kernels.ops.Nf4Dequantize;
import io.gatun.quant.checkpoint.Checkpoint;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * How far a loaded weight is from the tensors it was made of.
 *
 * @param relative the norm of the difference over the norm of the tensors: sqrt(sum (w - v)^2 / sum
 *     v^2); 0 if both are 0
 * @param largest the largest difference over the largest magnitude: max |w - v| / max |v|; 0 if
 *     both are 0
 */
public record QuantError(double relative, double largest) {
  private static final int PIECE = 1 << 20;

  /**
   * Compares, in fp32 values and double sums.
   *
   * @param checkpoint where the tensors are
   * @param names the tensors, in the order of the weight's rows
   * @param weight as {@link WeightLoader} made it
   * @return the error
   * @throws IllegalArgumentException if rows or columns differ
   */
  public static QuantError of(Checkpoint checkpoint, List<String> names, Weight weight) {
    int rows = names.stream().mapToInt(n -> checkpoint.info(n).rows()).sum();
    boolean sameCols = names.stream().allMatch(n -> checkpoint.info(n).cols() == weight.cols());
    if (rows != weight.rows() || !sameCols) {
      throw new IllegalArgumentException(
          "the weight is %dx%d, the tensors %s have %d rows"
              .formatted(weight.rows(), weight.cols(), names, rows));
    }
    var sums = new Sums();
    try (var arena = Arena.ofConfined()) {
      var values = values(weight, arena);
      int row = 0;
      for (var name : names) {
        int count = checkpoint.info(name).rows();
        sums.add(checkpoint, name, values.rowSlice(row, count));
        row += count;
      }
    }
    return sums.error();
  }

  private static Matrix values(Weight weight, Arena arena) {
    var values =
        Matrix.allocate(device(weight), "loading", DType.F32, weight.rows(), weight.cols(), arena);
    switch (weight) {
      case Matrix m -> Cast.run(m, values);
      case Nf4Matrix m -> Nf4Dequantize.run(m, values);
    }
    return values;
  }

  private static Device device(Weight weight) {
    return switch (weight) {
      case Matrix m -> m.buffer().device();
      case Nf4Matrix m -> m.bands().getFirst().codes().device();
    };
  }

  private static final class Sums {
    private double square;
    private double squareDifference;
    private double most;
    private double mostDifference;

    void add(Checkpoint checkpoint, String name, Matrix values) {
      int rows = Math.clamp(PIECE / Math.max(1, values.cols()), 1, Math.max(1, values.rows()));
      long bytes = Matrix.bytes(DType.F32, rows, values.cols());
      try (var arena = Arena.ofConfined()) {
        var expected = arena.allocate(bytes, Float.BYTES);
        var actual = arena.allocate(bytes, Float.BYTES);
        for (int row = 0; row < values.rows(); row += rows) {
          int count = Math.min(rows, values.rows() - row);
          checkpoint.readFloats(name, row, count, expected);
          var part = values.rowSlice(row, count);
          long size = Matrix.bytes(DType.F32, count, values.cols());
          part.buffer().device().download(part.buffer(), part.offset(), actual.asSlice(0, size));
          add(expected.asSlice(0, size), actual);
        }
      }
    }

    private void add(MemorySegment expected, MemorySegment actual) {
      for (long at = 0; at < expected.byteSize(); at += Float.BYTES) {
        double v = expected.get(ValueLayout.JAVA_FLOAT, at);
        double difference = actual.get(ValueLayout.JAVA_FLOAT, at) - v;
        square += v * v;
        squareDifference += difference * difference;
        most = Math.max(most, Math.abs(v));
        mostDifference = Math.max(mostDifference, Math.abs(difference));
      }
    }

    QuantError error() {
      return new QuantError(
          squareDifference == 0 ? 0 : Math.sqrt(squareDifference / square),
          mostDifference == 0 ? 0 : mostDifference / most);
    }
  }
}
