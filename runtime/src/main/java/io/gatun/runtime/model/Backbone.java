package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.runtime.adapter.LoraAdapter;
import java.lang.foreign.Arena;
import java.util.List;

/** A loaded model: the blocks and what is before them. */
public sealed interface Backbone permits Decoder, Encoder {

  /**
   * Its shape.
   *
   * @return the configuration
   */
  BackboneConfig config();

  /**
   * Type of activations and embeddings.
   *
   * @return F32 or BF16
   */
  DType compute();

  /**
   * Where it lives.
   *
   * @return the device
   */
  Device device();

  /**
   * Whether its linear layers are kept in 4 bit.
   *
   * @return true for NF4 and FP4
   */
  boolean isFourBit();

  /**
   * The memory that the values of one block take.
   *
   * @param adapter that will be trained
   * @return bytes; 0 where there is nothing to decode once: on the CPU, and of weights not in 4 bit
   */
  default long decodedBytes(LoraAdapter adapter) {
    return device().kind() == Device.Kind.CUDA && isFourBit()
        ? DecodedBlocks.bytes(config(), compute(), PassShape.ranks(List.of(adapter)))
        : 0;
  }

  /**
   * The model with its last blocks decoded once, for one training on a GPU, with the same bits.
   * Shares all weights.
   *
   * @param count how many blocks
   * @param adapter that will be trained
   * @param arena owns the values
   * @return the model for one pass at a time
   */
  Backbone decoded(int count, LoraAdapter adapter, Arena arena);
}
