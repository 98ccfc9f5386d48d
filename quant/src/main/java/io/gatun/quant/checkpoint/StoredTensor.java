package io.gatun.quant.checkpoint;

import java.lang.foreign.MemorySegment;

/** A tensor of one safetensors file of a checkpoint, under the name it has there. */
record StoredTensor(Safetensors file, String name) {
  TensorType type() {
    return file.type(name);
  }

  MemorySegment bytes() {
    return file.bytes(name);
  }

  TensorInfo info() {
    return file.info(name);
  }
}
