package io.gatun.quant;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Weights at random, to measure models whose files are not there: valid codes and scales, written
 * to the device piece by piece, so that the host never holds more than a few megabytes of them.
 * Elements have mean 0 and a variance of about 1 / columns: normal activations stay about normal.
 */
public final class RandomWeights {
  private static final int PIECE = 1 << 20; // elements or bytes
  private static final float CODES_RMS = 0.5f; // root mean square of the 16 values, about
  private static final float SCALE_SPREAD = 0.25f; // scales lie within so much of their mean

  private final Device device;
  private final Arena arena;
  private final SplittableRandom random;

  /**
   * A source of weights.
   *
   * @param device where they go
   * @param seed the same seed gives the same bytes to the same calls
   * @param arena owns the weights
   */
  public RandomWeights(Device device, long seed, Arena arena) {
    this.device = device;
    this.arena = arena;
    this.random = new SplittableRandom(seed);
  }

  /**
   * A weight, in 4 bit with a band for each of its parts.
   *
   * @param rows of each part
   * @param cols columns of all
   * @param format the form; not as stored
   * @return (sum of the rows, cols)
   */
  public Weight weight(List<Integer> rows, int cols, WeightFormat format) {
    return switch (format) {
      case WeightFormat.FourBit f ->
          Nf4Matrix.of(rows.stream().map(part -> band(part, cols, f)).toList());
      case WeightFormat.Dense d -> matrix(rows.stream().reduce(0, Math::addExact), cols, d.dtype());
      case WeightFormat.AsStored _ ->
          throw new IllegalArgumentException("weights at random are not stored; name a format");
    };
  }

  /**
   * A matrix of uniform numbers.
   *
   * @param rows rows
   * @param cols columns
   * @param dtype type of its elements
   * @return (rows, cols)
   */
  public Matrix matrix(int rows, int cols, DType dtype) {
    var matrix =
        Matrix.allocate(device, WeightLoader.label(dtype.name()), dtype, rows, cols, arena);
    double bound = Math.sqrt(3.0 / cols);
    int atOnce = Math.max(1, PIECE / Math.max(1, cols));
    for (int row = 0; row < rows; row += atOnce) {
      int count = Math.min(atOnce, rows - row);
      var values = new float[count * cols];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (bound * random.nextInt() / Integer.MIN_VALUE);
      }
      HostCopy.write(matrix.rowSlice(row, count), values);
    }
    return matrix;
  }

  private Band band(int rows, int cols, WeightFormat.FourBit format) {
    float scale = (float) (1 / (CODES_RMS * Math.sqrt(cols)));
    var loader = new BandLoader(device, WeightLoader.label(format.code().name()), arena);
    var band = loader.empty(rows, cols, format, DType.BF16, scale);
    fill(band.codes()); // each nibble is a code
    switch (band.scales()) {
      case Scales.Plain plain -> fill(plain.absmax(), scale, SCALE_SPREAD * scale);
      case Scales.Nested nested -> {
        fill(nested.codes()); // each byte is a number of the map, which lies in [-1, 1]
        fill(nested.absmax(), SCALE_SPREAD * scale, 0);
      }
    }
    return band;
  }

  private void fill(Buffer buffer) {
    var piece = new byte[(int) Math.min(PIECE, buffer.bytes())];
    for (long at = 0; at < buffer.bytes(); at += piece.length) {
      random.nextBytes(piece);
      long length = Math.min(piece.length, buffer.bytes() - at);
      device.upload(MemorySegment.ofArray(piece).asSlice(0, length), buffer, at);
    }
  }

  /** Floats within the spread of the mean. */
  private void fill(Buffer buffer, float mean, float spread) {
    long floats = buffer.bytes() / Float.BYTES;
    for (long at = 0; at < floats; at += PIECE) {
      var piece = new float[(int) Math.min(PIECE, floats - at)];
      for (int i = 0; i < piece.length; i++) {
        piece[i] = mean + spread * random.nextInt() / Integer.MIN_VALUE;
      }
      device.upload(MemorySegment.ofArray(piece), buffer, at * Float.BYTES);
    }
  }
}
