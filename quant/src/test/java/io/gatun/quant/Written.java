package io.gatun.quant;

import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.quant.checkpoint.BnbCodec;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;

/** What a checkpoint would hold of a band: bytes by part, the codes under the empty name. */
record Written(Map<String, byte[]> parts) {
  static Written of(Band band) {
    var parts = new TreeMap<String, byte[]>();
    for (var tensor : BnbCodec.tensors("x", band)) {
      var out = new ByteArrayOutputStream();
      tensor.content().writeTo(b -> out.writeBytes(b.toArray(ValueLayout.JAVA_BYTE)));
      parts.put(tensor.name().substring(1).replaceFirst("^\\.", ""), out.toByteArray());
    }
    return new Written(parts);
  }

  byte[] bytes(String part) {
    return parts.get(part);
  }

  float[] floats(String part) {
    return floats(bytes(part));
  }

  static float[] floats(byte[] bytes) {
    var buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    var values = new float[buffer.remaining()];
    buffer.get(values);
    return values;
  }

  /** The hexadecimal SHA-256 of bytes. */
  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
