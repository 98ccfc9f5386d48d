package io.gatun.quant.checkpoint;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Builds a GGUF file field by field, so that each field can be wrong. */
final class GgufBytes {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  GgufBytes u32(int v) {
    out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(v).array());
    return this;
  }

  GgufBytes u64(long v) {
    out.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(v).array());
    return this;
  }

  GgufBytes raw(int... bytes) {
    for (int b : bytes) {
      out.write(b);
    }
    return this;
  }

  GgufBytes text(String s) {
    var bytes = s.getBytes(StandardCharsets.UTF_8);
    u64(bytes.length).out.writeBytes(bytes);
    return this;
  }

  GgufBytes zeros(int n) {
    return raw(new int[n]);
  }

  /** A tensor info of one dimension. */
  GgufBytes info(String name, long dim, int type, long offset) {
    return text(name).u32(1).u64(dim).u32(type).u64(offset);
  }

  GgufBytes pad() {
    return zeros(-out.size() & 31);
  }

  static GgufBytes head(int version, long tensors, long entries) {
    return new GgufBytes().raw('G', 'G', 'U', 'F').u32(version).u64(tensors).u64(entries);
  }

  byte[] toArray() {
    return out.toByteArray();
  }

  int size() {
    return out.size();
  }
}
