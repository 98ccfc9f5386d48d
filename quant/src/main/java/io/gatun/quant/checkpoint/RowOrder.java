package io.gatun.quant.checkpoint;

/** Where the rows of a Hugging Face tensor lie in a file. */
sealed interface RowOrder {
  /** The stored row of row {@code row}. */
  int storedRow(int row);

  /** As they are. */
  record Stored() implements RowOrder {
    @Override
    public int storedRow(int row) {
      return row;
    }
  }

  /**
   * Rotation pairs side by side, as GGUF's llama keeps the rows of q and k: Hugging Face row h * d
   * + b * (d / 2) + j is stored as row h * d + 2 * j + b, where d is the head size.
   */
  record Paired(int headSize) implements RowOrder {
    @Override
    public int storedRow(int row) {
      int half = headSize / 2;
      int within = row % headSize;
      return row - within + 2 * (within % half) + within / half;
    }
  }
}
