package io.gatun.kernels.ops;

/**
 * Where a code lies in tiles of 16 rows by 64 columns: a tile is 8 vectors of 8 columns; a vector
 * has 32 bits a row, in which the codes of columns 0 2 4 6 are followed by those of 1 3 5 7, lowest
 * bits first.
 */
final class Nf4RepackReference {
  private Nf4RepackReference() {}

  /** Number of the code's half byte, the low half of a byte first. */
  static int nibble(int row, int col, int cols) {
    int tile = row / 16 * (cols / 64) + col / 64;
    int vector = tile * 8 + col % 64 / 8;
    int lane = vector * 16 + row % 16;
    return lane * 8 + col % 2 * 4 + col % 8 / 2;
  }
}
