package io.gatun.quant;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.Cast;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.CheckpointException;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;

/**
 * Loads weights from a checkpoint onto a device. Besides the result, at most one tensor in fp32 is
 * in memory at a time; closing the loader frees the room for it.
 */
public final class WeightLoader implements AutoCloseable {
  private final Checkpoint checkpoint;
  private final Device device;
  private final Arena arena;
  private final TensorReader reader;
  private final Scratch<Buffer> values; // of the tensor that is being quantized

  /**
   * A loader.
   *
   * @param checkpoint open while the loader is used; not needed by the loaded weights
   * @param device where the weights go
   * @param arena owns the weights
   */
  public WeightLoader(Checkpoint checkpoint, Device device, Arena arena) {
    this.checkpoint = checkpoint;
    this.device = device;
    this.arena = arena;
    this.reader = new TensorReader(checkpoint, device);
    this.values = new Scratch<>((bytes, owner) -> device.allocate("loading", bytes, owner));
  }

  /**
   * Loads one tensor, or several as one weight whose rows follow each other (q, k and v). In 4 bit
   * each becomes a band of its own and keeps the bits that it has alone.
   *
   * @param names at least one tensor, all with the same columns
   * @param format the form of the weight; of tensors that are stored in 4 bit, dense formats decode
   *     them, all others keep their bits
   * @return a weight of (sum of the rows, columns)
   * @throws CheckpointException if a tensor is missing, has other columns, or cannot have the form
   */
  public Weight weight(List<String> names, WeightFormat format) {
    check(names);
    return switch (format) {
      case WeightFormat.FourBit f -> fourBit(names, f);
      case WeightFormat.Dense d -> dense(names, d.dtype());
      case WeightFormat.AsStored _ -> asStored(names);
    };
  }

  /**
   * Loads one tensor as a matrix; a vector becomes one row.
   *
   * @param name a tensor
   * @param dtype the type of the matrix, to which values are rounded
   * @return (rows, columns)
   * @throws CheckpointException if there is no such tensor, or its values are not real numbers
   */
  public Matrix matrix(String name, DType dtype) {
    return dense(List.of(name), dtype);
  }

  /**
   * Brings fp32 values into a form: the rows of one weight, which in 4 bit are a band for each
   * matrix.
   *
   * @param values at least one F32 matrix, all with the same columns and without gaps
   * @param format the form; as stored is F32
   * @param arena owns the weight, which lies on the device of the values
   * @return a weight of (sum of the rows, columns)
   */
  public static Weight pack(List<Matrix> values, WeightFormat format, Arena arena) {
    var device = values.getFirst().buffer().device();
    return switch (format) {
      case WeightFormat.FourBit f -> {
        var loader = new BandLoader(device, label(f.code().name()), arena);
        yield Nf4Matrix.of(values.stream().map(m -> loader.quantize(m, f, DType.F32)).toList());
      }
      case WeightFormat.Dense d -> stack(values, d.dtype(), arena);
      case WeightFormat.AsStored _ -> stack(values, DType.F32, arena);
    };
  }

  private static Matrix stack(List<Matrix> values, DType dtype, Arena arena) {
    var first = values.getFirst();
    int rows = values.stream().mapToInt(Matrix::rows).reduce(0, Math::addExact);
    var device = first.buffer().device();
    var stacked = Matrix.allocate(device, label(dtype.name()), dtype, rows, first.cols(), arena);
    int row = 0;
    for (var part : values) {
      Cast.run(part, stacked.rowSlice(row, part.rows()));
      row += part.rows();
    }
    return stacked;
  }

  private Matrix dense(List<String> names, DType dtype) {
    int rows = names.stream().mapToInt(n -> checkpoint.info(n).rows()).reduce(0, Math::addExact);
    int cols = checkpoint.info(names.getFirst()).cols();
    var label = label(dtype.name());
    var matrix = Matrix.allocate(device, label, dtype, rows, cols, arena);
    int row = 0;
    for (var name : names) {
      int count = checkpoint.info(name).rows();
      reader.read(name, matrix.rowSlice(row, count));
      row += count;
    }
    return matrix;
  }

  private Weight fourBit(List<String> names, WeightFormat.FourBit format) {
    return Nf4Matrix.of(names.stream().map(n -> band(n, format)).toList());
  }

  private Band band(String name, WeightFormat.FourBit format) {
    var stored = checkpoint.fourBit(name);
    if (stored.isPresent()) {
      var label = label(stored.get().code().name());
      return new BandLoader(device, label, arena).upload(stored.get());
    }
    var label = label(format.code().name());
    var info = checkpoint.info(name);
    var buffer = values.atLeast(Matrix.bytes(DType.F32, info.rows(), info.cols()));
    var matrix = Matrix.of(buffer, 0, DType.F32, info.rows(), info.cols());
    reader.read(name, matrix);
    var recorded = reader.dtype(name).orElse(DType.F32);
    return new BandLoader(device, label, arena).quantize(matrix, format, recorded);
  }

  private Weight asStored(List<String> names) {
    var types = new TreeSet<>(names.stream().map(n -> checkpoint.info(n).dtype()).toList());
    if (names.stream().allMatch(n -> checkpoint.fourBit(n).isPresent())) {
      var bands = names.stream().map(n -> checkpoint.fourBit(n).orElseThrow());
      var label = label(String.join("-", types));
      return Nf4Matrix.of(bands.map(new BandLoader(device, label, arena)::upload).toList());
    }
    var dtype = reader.dtype(names.getFirst());
    if (types.size() > 1 || dtype.isEmpty()) {
      throw new CheckpointException(
          checkpoint.path(),
          "%s, stored as %s, cannot be one weight as stored; name a format"
              .formatted(String.join(", ", names), String.join(" and ", types)));
    }
    return dense(names, dtype.get());
  }

  private void check(List<String> names) {
    var cols = new TreeSet<>(names.stream().map(n -> checkpoint.info(n).cols()).toList());
    if (cols.size() != 1) {
      throw new CheckpointException(
          checkpoint.path(),
          "%s have %s columns and cannot be one weight".formatted(String.join(", ", names), cols));
    }
  }

  @Override
  public void close() {
    reader.close();
    values.close();
  }

  /**
   * The memory that a weight takes, in 4 bit with a band for each matrix.
   *
   * @param rows of each matrix
   * @param cols columns of all
   * @param format the form; stored weights have none before they are read
   * @return bytes by the name of the buffers
   */
  public static Map<String, Long> memory(List<Integer> rows, int cols, WeightFormat format) {
    return switch (format) {
      case WeightFormat.FourBit f -> {
        var label = label(f.code().name());
        yield Map.of(
            label + ".codes",
            rows.stream().mapToLong(r -> BandLoader.codeBytes(r, cols, f)).sum(),
            label + ".scales",
            rows.stream().mapToLong(r -> BandLoader.scaleBytes(r, cols, f)).sum());
      }
      case WeightFormat.Dense d ->
          Map.of(
              label(d.dtype().name()),
              rows.stream().mapToLong(r -> Matrix.bytes(d.dtype(), r, cols)).sum());
      case WeightFormat.AsStored _ ->
          throw new IllegalArgumentException("what is stored is known only to its files");
    };
  }

  /** The name of buffers. */
  static String label(String form) {
    return "base." + form.toLowerCase(Locale.ROOT);
  }
}
