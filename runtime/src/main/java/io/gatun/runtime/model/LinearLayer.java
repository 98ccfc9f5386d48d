package io.gatun.runtime.model;

/**
 * One linear layer of a block, by its Hugging Face module path, and where its rows lie in the fused
 * weight.
 *
 * @param path for example {@code model.layers.0.self_attn.q_proj}
 * @param layer the block
 * @param projection the product it belongs to
 * @param firstRow its first row in the fused weight
 * @param rows output features
 * @param cols input features
 */
public record LinearLayer(
    String path, int layer, Projection projection, int firstRow, int rows, int cols) {

  /**
   * Weights of this layer.
   *
   * @return rows times cols
   */
  public long elements() {
    return (long) rows * cols;
  }
}
