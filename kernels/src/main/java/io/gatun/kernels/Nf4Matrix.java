package io.gatun.kernels;

import java.util.List;
import java.util.Optional;

/**
 * A frozen 4-bit weight: bands of rows, one for each tensor it was made of, so that a fused weight
 * (q, k, v) keeps the bits of its parts. A decoded value is rounded to F32, then to the band's
 * recorded type, then to the compute type.
 *
 * @param bands the bands, top to bottom; at least one, all with the same columns
 * @param rows sum of the bands' rows
 * @param cols columns of every band
 * @param exact whether a GPU takes the decoded values however few rows a product has; otherwise few
 *     rows take codes rounded to BF16, and scale sums of 64 columns, which only decoding may
 * @param decoded where the values lie beside the codes, with room for ranks of adapters to the
 *     right and below, which the products of one pass at a time write into; a GPU that finds none
 *     decodes for each product, the CPU always does
 */
public record Nf4Matrix(
    List<Band> bands, int rows, int cols, boolean exact, Optional<Matrix> decoded)
    implements Weight {
  /** The sixteen values a code stands for. */
  public enum Code {
    /** 4-bit normal float. */
    NF4,
    /** 4-bit float: one bit of sign, two of exponent, one of fraction. */
    FP4
  }

  /** Order of the codes in memory. */
  public enum Layout {
    /** As in a checkpoint: two elements a byte, the first in the high half, row after row. */
    FILE,
    /**
     * Tiles of 16 rows by 64 columns, 512 bytes each, read one after another by every kernel; the
     * last rows are filled up. Asks for rows that are whole blocks of a multiple of 64 elements.
     * Scales stay in file order.
     */
    TILED;

    /** Rows of a tile. */
    public static final int TILE_ROWS = 16;

    /** Columns of a tile. */
    public static final int TILE_COLS = 64;

    /**
     * Whether a matrix can lie in this order.
     *
     * @param cols its columns
     * @param blockSize its block size
     * @return true for FILE, and for TILED when no block crosses a row and no tile a block
     */
    public boolean takes(int cols, int blockSize) {
      return this == FILE || cols % blockSize == 0 && blockSize % TILE_COLS == 0;
    }

    /**
     * Size of the codes.
     *
     * @param rows rows
     * @param cols columns
     * @return bytes
     */
    public long bytes(int rows, int cols) {
      long stored = this == FILE ? rows : Math.ceilDiv(rows, TILE_ROWS) * (long) TILE_ROWS;
      return Math.ceilDiv(stored * cols, 2L);
    }
  }

  /** Scale of each block of elements. */
  public sealed interface Scales {
    /**
     * One F32 a block.
     *
     * @param absmax the scales
     */
    record Plain(Buffer absmax) implements Scales {}

    /**
     * Double quantization: one byte a block, standing for map[byte] * absmax[block / 256] + offset,
     * with the signed dynamic map.
     *
     * @param codes one byte a block
     * @param absmax one F32 for each 256 blocks
     * @param offset added to every scale
     */
    record Nested(Buffer codes, Buffer absmax, float offset) implements Scales {}
  }

  /**
   * One tensor. Blocks run through it row after row and may cross rows; none crosses a band.
   *
   * @param code the sixteen values
   * @param blockSize elements sharing a scale
   * @param rows rows
   * @param cols columns
   * @param recordedDtype type of the tensor that was quantized
   * @param layout order of the codes
   * @param codes two elements a byte
   * @param scales scale of each block
   */
  public record Band(
      Code code,
      int blockSize,
      int rows,
      int cols,
      DType recordedDtype,
      Layout layout,
      Buffer codes,
      Scales scales) {
    /** Elements that share one scale of scales. */
    public static final int NESTED_BLOCK = 256;

    /** Refuses buffers too small for the shape. */
    public Band {
      if (rows < 0 || cols < 0 || blockSize < 1) {
        throw new IllegalArgumentException(
            "a 4-bit matrix cannot be %dx%d in blocks of %d".formatted(rows, cols, blockSize));
      }
      long elements = (long) rows * cols;
      long blocks = Math.ceilDiv(elements, blockSize);
      if (!layout.takes(cols, blockSize)) {
        throw new IllegalArgumentException(
            "%d columns in blocks of %d cannot be TILED: a row must be whole blocks, a block whole tiles of %d columns"
                .formatted(cols, blockSize, Layout.TILE_COLS));
      }
      requireBytes(codes, layout.bytes(rows, cols));
      switch (scales) {
        case Scales.Plain plain -> requireBytes(plain.absmax(), blocks * Float.BYTES);
        case Scales.Nested nested -> {
          requireBytes(nested.codes(), blocks);
          requireBytes(nested.absmax(), Math.ceilDiv(blocks, NESTED_BLOCK) * Float.BYTES);
        }
      }
    }

    private static void requireBytes(Buffer buffer, long bytes) {
      if (buffer.bytes() < bytes) {
        throw new IllegalArgumentException(
            "buffer %s holds %d bytes, the 4-bit matrix needs %d"
                .formatted(buffer.name(), buffer.bytes(), bytes));
      }
    }
  }

  /** Refuses bands that do not stack up. */
  public Nf4Matrix {
    bands = List.copyOf(bands);
    long stacked = 0;
    for (Band band : bands) {
      stacked += band.rows();
      if (band.cols() != cols) {
        throw new IllegalArgumentException(
            "a band of a 4-bit matrix has %d columns, the matrix %d".formatted(band.cols(), cols));
      }
    }
    if (bands.isEmpty() || stacked != rows) {
      throw new IllegalArgumentException(
          "the bands of a 4-bit matrix have %d rows together, the matrix %d"
              .formatted(stacked, rows));
    }
    if (decoded.isPresent() && (decoded.get().rows() < rows || decoded.get().cols() < cols)) {
      throw new IllegalArgumentException(
          "a 4-bit matrix of %dx%d is not decoded in %s"
              .formatted(rows, cols, decoded.get().shape()));
    }
  }

  /**
   * Bands stacked top to bottom.
   *
   * @param bands at least one
   * @return the matrix
   */
  public static Nf4Matrix of(List<Band> bands) {
    int rows = Math.toIntExact(bands.stream().mapToLong(Band::rows).sum());
    int cols = bands.isEmpty() ? 0 : bands.getFirst().cols();
    return new Nf4Matrix(bands, rows, cols, false, Optional.empty());
  }

  /**
   * The same weight for products that are compared with others.
   *
   * @return the same bands, {@link #exact}
   */
  public Nf4Matrix exactly() {
    return new Nf4Matrix(bands, rows, cols, true, decoded);
  }
}
