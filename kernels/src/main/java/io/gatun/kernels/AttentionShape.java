package io.gatun.kernels;

/**
 * What attention must know beyond its matrices.
 *
 * @param heads query heads
 * @param kvHeads key and value heads; divides heads, query head g reads key head g / (heads /
 *     kvHeads)
 * @param headDim columns of one head
 * @param scale multiplies q . k
 * @param window 0 for none; otherwise key j is visible to query i only when i - j &lt; window, in
 *     positions
 * @param softCap 0 for none; otherwise scores s become softCap * tanh(s / softCap) before masking
 * @param causal true for a decoder: a query sees keys up to its own position, those of parent
 *     segments included; false for an encoder: it sees all keys of its segment, and there are
 *     neither parents nor a window
 */
public record AttentionShape(
    int heads, int kvHeads, int headDim, float scale, int window, float softCap, boolean causal) {
  /** Refuses counts that do not fit together. */
  public AttentionShape {
    if (heads < 1 || kvHeads < 1 || heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          "attention has %d query heads and %d key heads; the first must be a multiple of the second"
              .formatted(heads, kvHeads));
    }
    if (headDim < 1 || window < 0 || !(softCap >= 0) || !Float.isFinite(scale)) {
      throw new IllegalArgumentException(
          "attention with head size %d, window %d, soft cap %s, scale %s: sizes must be positive, window and cap not"
                  .formatted(headDim, window, softCap, scale)
              + " negative, the scale finite");
    }
    if (!causal && window > 0) {
      throw new IllegalArgumentException(
          "attention in both directions with window %d; a window is for causal attention, use 0"
              .formatted(window));
    }
  }

  /**
   * Causal attention.
   *
   * @param heads query heads
   * @param kvHeads key and value heads
   * @param headDim columns of one head
   * @param scale multiplies q . k
   * @param window 0 for none
   * @param softCap 0 for none
   */
  public AttentionShape(
      int heads, int kvHeads, int headDim, float scale, int window, float softCap) {
    this(heads, kvHeads, headDim, scale, window, softCap, true);
  }
}
