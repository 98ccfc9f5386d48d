package io.gatun.quant.checkpoint;

import java.util.List;

/**
 * What a checkpoint says about one tensor.
 *
 * @param name its Hugging Face name in a {@link Checkpoint}, its stored name in a file
 * @param dtype the stored type: a safetensors type ("BF16"), a GGUF block type ("Q4_K"), or "NF4"
 *     or "FP4" for a bitsandbytes 4-bit layer
 * @param shape the dimensions, the slowest first, as in torch; empty for a scalar
 * @param bytes the bytes of the stored values; of a 4-bit layer, its codes and scales together
 */
public record TensorInfo(String name, String dtype, List<Long> shape, long bytes) {
  /** Copies the shape. */
  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /** {@return the product of the dimensions; 1 for a scalar} */
  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  /** {@return the last dimension, the length of a row; 1 for a scalar} */
  public int cols() {
    return shape.isEmpty() ? 1 : Math.toIntExact(shape.getLast());
  }

  /** {@return the product of all dimensions but the last; 1 for a vector and for a scalar} */
  public int rows() {
    long rows = 1;
    for (int i = 0; i < shape.size() - 1; i++) {
      rows = Math.multiplyExact(rows, shape.get(i));
    }
    return Math.toIntExact(rows);
  }
}
