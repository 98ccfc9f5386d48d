package io.gatun.quant.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Decodes rows of a matrix that is stored column after column to fp32, a few rows at a time.
 *
 * @param data the stored columns
 * @param encoding their form, each value by itself
 * @param rows of the matrix, values in a stored column
 * @param cols of the matrix
 */
record TurnedRows(MemorySegment data, Encoding encoding, int rows, int cols) {
  private static final int TILE = 32; // rows: a tile of 4096 columns is 512 KiB

  /** Decodes rows first … first + count - 1 to {@code to}, dense. */
  void read(int first, int count, MemorySegment to) {
    for (int done = 0; done < count; done += TILE) {
      int n = Math.min(TILE, count - done);
      var tile = tile(first + done, n);
      long target = (long) done * cols * Float.BYTES;
      MemorySegment.copy(tile, 0, to, ValueLayout.JAVA_FLOAT_UNALIGNED, target, tile.length);
    }
  }

  private float[] tile(int first, int count) {
    var tile = new float[count * cols];
    var column = new float[count];
    var bytes = new byte[count * encoding.bytes];
    for (int col = 0; col < cols; col++) {
      long at = ((long) col * rows + first) * encoding.bytes;
      MemorySegment.copy(data, ValueLayout.JAVA_BYTE, at, bytes, 0, bytes.length);
      encoding.decode(bytes, 0, column, 0, count);
      for (int row = 0; row < count; row++) {
        tile[row * cols + col] = column[row];
      }
    }
    return tile;
  }
}
