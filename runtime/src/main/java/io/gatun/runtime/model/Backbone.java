package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;

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
}
