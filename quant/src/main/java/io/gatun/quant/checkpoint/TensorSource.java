package io.gatun.quant.checkpoint;

import java.lang.foreign.MemorySegment;

/** Where a checkpoint finds the values of one tensor. */
sealed interface TensorSource {
  /** What the checkpoint says about it, under its Hugging Face name. */
  TensorInfo info();

  /** Rows of real numbers. */
  record Rows(TensorInfo info, RowDecoder decoder) implements TensorSource {}

  /** Rows of real numbers that are stored as columns. */
  record Turned(TensorInfo info, TurnedRows rows) implements TensorSource {}

  /** A bitsandbytes 4-bit weight. */
  record FourBit(TensorInfo info, BnbTensor tensor) implements TensorSource {}

  /** Integers, truth values, or reals of a type that is not read. */
  record Opaque(TensorInfo info, MemorySegment bytes) implements TensorSource {}
}
