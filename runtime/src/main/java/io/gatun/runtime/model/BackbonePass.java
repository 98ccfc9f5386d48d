package io.gatun.runtime.model;

import io.gatun.kernels.Matrix;

/** One run of a batch through an encoder, or through a decoder without its output head. */
sealed interface BackbonePass permits DecoderPass, EncoderPass {

  /** The inputs and the memory. */
  Pass pass();

  /** Runs the blocks, and gives the output of the last. */
  Matrix forward();

  /** Where backward expects the gradient of that output. */
  Matrix dOutput();

  /** Adds the gradients of adapters to theirs. */
  void backward();
}
