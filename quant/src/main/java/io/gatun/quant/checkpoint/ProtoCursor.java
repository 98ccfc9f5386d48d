package io.gatun.quant.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Reads one message in the wire format of protocol buffers, field by field. Every length is checked
 * against the end of the message first. A message inside is read by a cursor of its own, so that
 * reading goes as deep as the caller's format and no deeper.
 */
final class ProtoCursor {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int LENGTH = 2;
  private static final int FIXED32 = 5;
  private static final int LONGEST_VARINT = 10;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment bytes;
  private final long start;
  private long at;
  private int field;
  private int wire;

  /** A broken rule, without the file. */
  static final class Rejected extends Exception {
    private static final long serialVersionUID = 1L;
    final String rule;

    Rejected(String rule) {
      super(rule);
      this.rule = rule;
    }
  }

  /** A message that is the whole file. */
  ProtoCursor(MemorySegment bytes) {
    this(bytes, 0);
  }

  private ProtoCursor(MemorySegment bytes, long start) {
    this.bytes = bytes;
    this.start = start;
  }

  /** Goes to the next field, whose value one of the other methods has to take. */
  boolean next() throws Rejected {
    if (at == bytes.byteSize()) {
      return false;
    }
    long key = number();
    field = (int) (key >>> 3);
    wire = (int) (key & 7);
    if (key < 0 || key >>> 3 > 0x1fff_ffff || field == 0) {
      throw new Rejected("at byte %d a field has no valid number".formatted(start + at));
    }
    return true;
  }

  /** The number of the field. */
  int field() {
    return field;
  }

  /** An integer. */
  long integer() throws Rejected {
    require(VARINT);
    return number();
  }

  /** An fp32. */
  float real() throws Rejected {
    require(FIXED32);
    need(4);
    at += 4;
    return Float.intBitsToFloat(bytes.get(INT, at - 4));
  }

  /** Bytes, or numbers of fixed size, where they lie in the file. */
  MemorySegment bytes() throws Rejected {
    require(LENGTH);
    long length = number();
    need(length);
    at += length;
    return bytes.asSlice(at - length, length);
  }

  /** A message inside this one. */
  ProtoCursor message() throws Rejected {
    var inside = bytes();
    return new ProtoCursor(inside, start + at - inside.byteSize());
  }

  /** Text of at most {@code most} bytes. */
  String text(int most) throws Rejected {
    var text = bytes();
    if (text.byteSize() > most) {
      throw new Rejected(
          "at byte %d a name has %d bytes, at most %d are allowed"
              .formatted(start + at - text.byteSize(), text.byteSize(), most));
    }
    try {
      var buffer = ByteBuffer.wrap(text.toArray(ValueLayout.JAVA_BYTE));
      return StandardCharsets.UTF_8.newDecoder().decode(buffer).toString();
    } catch (CharacterCodingException _) {
      throw new Rejected("at byte %d a name is not UTF-8".formatted(start + at - text.byteSize()));
    }
  }

  /** Adds an integer, or several packed into one field; not more than {@code most} in the end. */
  void integers(List<Long> to, int most) throws Rejected {
    if (wire == VARINT) {
      to.add(number());
    } else {
      var packed = message();
      while (packed.at < packed.bytes.byteSize() && to.size() <= most) {
        to.add(packed.number());
      }
    }
    if (to.size() > most) {
      throw new Rejected(
          "at byte %d a list has more than the %d numbers allowed".formatted(start + at, most));
    }
  }

  /** Leaves the value out. */
  void skip() throws Rejected {
    switch (wire) {
      case VARINT -> number();
      case LENGTH -> bytes();
      case FIXED32, FIXED64 -> {
        int size = wire == FIXED32 ? 4 : 8;
        need(size);
        at += size;
      }
      default ->
          throw new Rejected(
              "at byte %d field %d has the unknown wire type %d"
                  .formatted(start + at, field, wire));
    }
  }

  private void require(int expected) throws Rejected {
    if (wire != expected) {
      throw new Rejected(
          "at byte %d field %d has the wire type %d, not %d"
              .formatted(start + at, field, wire, expected));
    }
  }

  private void need(long count) throws Rejected {
    long left = bytes.byteSize() - at;
    if (count < 0 || count > left) {
      throw new Rejected(
          "at byte %d field %d has %s bytes, and %d are left"
              .formatted(start + at, field, Long.toUnsignedString(count), left));
    }
  }

  private long number() throws Rejected {
    long value = 0;
    for (int i = 0; i < LONGEST_VARINT; i++) {
      need(1);
      byte part = bytes.get(ValueLayout.JAVA_BYTE, at++);
      value |= (part & 0x7fL) << 7 * i;
      if (part >= 0) {
        return value;
      }
    }
    throw new Rejected("at byte %d a number has no end".formatted(start + at));
  }
}
