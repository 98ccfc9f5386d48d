package io.gatun.quant.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;

/**
 * Reads the head of a GGUF file from front to back. Every read is checked against the end of the
 * file first, and every count against what the rest of the file can hold.
 */
final class GgufCursor {
  private static final ValueLayout.OfShort SHORT = little(ValueLayout.JAVA_SHORT_UNALIGNED);
  private static final ValueLayout.OfInt INT = little(ValueLayout.JAVA_INT_UNALIGNED);
  private static final ValueLayout.OfLong LONG = little(ValueLayout.JAVA_LONG_UNALIGNED);
  private static final int STRING = 8;
  private static final int ARRAY = 9;

  private final MemorySegment bytes;
  private long at;

  /** A broken rule, without the file. */
  static final class Rejected extends Exception {
    private static final long serialVersionUID = 1L;
    final String rule;

    Rejected(String rule) {
      super(rule);
      this.rule = rule;
    }
  }

  GgufCursor(MemorySegment bytes) {
    this.bytes = bytes;
  }

  /** The byte that is read next. */
  long position() {
    return at;
  }

  int u32(String what) throws Rejected {
    need(4, what);
    int value = bytes.get(INT, at);
    at += 4;
    return value;
  }

  /** A 64-bit size or offset; one with the highest bit set is larger than any file. */
  long u64(String what) throws Rejected {
    need(8, what);
    long value = bytes.get(LONG, at);
    at += 8;
    if (value < 0) {
      throw new Rejected("%s is %s".formatted(what, Long.toUnsignedString(value)));
    }
    return value;
  }

  /** A count of things that take at least {@code least} bytes each. */
  int count(String what, long least) throws Rejected {
    return countOf(u64(what), what, least);
  }

  private int countOf(long value, String what, long least) throws Rejected {
    long room = (bytes.byteSize() - at) / least;
    if (value > room) {
      throw new Rejected("%s is %d, the file has room for %d".formatted(what, value, room));
    }
    if (value > Integer.MAX_VALUE - 8) {
      throw new Rejected("%s is %d, more than can be read".formatted(what, value));
    }
    return (int) value;
  }

  /** A string of at most {@code most} bytes. */
  String string(String what, int most) throws Rejected {
    int length = countOf(u64("the length of " + what), "the length of " + what, 1);
    if (length > most) {
      throw new Rejected("%s has %d bytes, at most %d are allowed".formatted(what, length, most));
    }
    try {
      var buffer = ByteBuffer.wrap(bytes.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE));
      at += length;
      return StandardCharsets.UTF_8.newDecoder().decode(buffer).toString();
    } catch (CharacterCodingException _) {
      throw new Rejected(what + " is not UTF-8");
    }
  }

  /** A value with its type in front. */
  GgufValue value(String key) throws Rejected {
    int type = u32("the type of " + key);
    return switch (type) {
      case STRING -> new GgufValue.Text(string(key, Integer.MAX_VALUE));
      case ARRAY -> array(key);
      case 7 -> new GgufValue.Flag(flag(key));
      case 6, 12 -> new GgufValue.Real(real(type, key));
      case 0, 1, 2, 3, 4, 5, 10, 11 -> new GgufValue.Whole(whole(type, key));
      default -> throw new Rejected("%s has the unknown type %d".formatted(key, type));
    };
  }

  private GgufValue array(String key) throws Rejected {
    int type = u32("the element type of " + key);
    var what = "the number of elements of " + key;
    switch (type) {
      case STRING -> {
        int n = count(what, 8);
        var texts = new ArrayList<String>(n);
        for (int i = 0; i < n; i++) {
          texts.add(string(key, Integer.MAX_VALUE));
        }
        return new GgufValue.Texts(Collections.unmodifiableList(texts));
      }
      case 6, 12 -> {
        var reals = new double[count(what, size(type))];
        for (int i = 0; i < reals.length; i++) {
          reals[i] = real(type, key);
        }
        return new GgufValue.Reals(reals);
      }
      case 0, 1, 2, 3, 4, 5, 7, 10, 11 -> {
        var wholes = new long[count(what, size(type))];
        for (int i = 0; i < wholes.length; i++) {
          wholes[i] = type == 7 ? (flag(key) ? 1 : 0) : whole(type, key);
        }
        return new GgufValue.Wholes(wholes);
      }
      case ARRAY -> throw new Rejected(key + " is a list of lists, which GGUF does not allow");
      default -> throw new Rejected("%s lists the unknown type %d".formatted(key, type));
    }
  }

  private boolean flag(String key) throws Rejected {
    long value = whole(0, key);
    if (value > 1) {
      throw new Rejected("%s is the truth value %d, not 0 or 1".formatted(key, value));
    }
    return value == 1;
  }

  private double real(int type, String key) throws Rejected {
    need(size(type), key);
    // The shortest decimal of an fp32: 1e-5 is meant, not 9.999999747378752e-6.
    double value =
        type == 12
            ? Double.longBitsToDouble(bytes.get(LONG, at))
            : Double.parseDouble(Float.toString(Float.intBitsToFloat(bytes.get(INT, at))));
    at += size(type);
    return value;
  }

  private long whole(int type, String key) throws Rejected {
    need(size(type), key);
    long value =
        switch (type) {
          case 0 -> bytes.get(ValueLayout.JAVA_BYTE, at) & 0xff;
          case 1 -> bytes.get(ValueLayout.JAVA_BYTE, at);
          case 2 -> bytes.get(SHORT, at) & 0xffff;
          case 3 -> bytes.get(SHORT, at);
          case 4 -> bytes.get(INT, at) & 0xffff_ffffL;
          case 5 -> bytes.get(INT, at);
          default -> bytes.get(LONG, at);
        };
    at += size(type);
    if (type == 10 && value < 0) {
      throw new Rejected("%s is %s, too large".formatted(key, Long.toUnsignedString(value)));
    }
    return value;
  }

  private static int size(int type) {
    return switch (type) {
      case 0, 1, 7 -> 1;
      case 2, 3 -> 2;
      case 4, 5, 6 -> 4;
      default -> 8;
    };
  }

  private void need(long count, String what) throws Rejected {
    if (bytes.byteSize() - at < count) {
      throw new Rejected("the file ends inside " + what);
    }
  }

  private static ValueLayout.OfShort little(ValueLayout.OfShort layout) {
    return layout.withOrder(ByteOrder.LITTLE_ENDIAN);
  }

  private static ValueLayout.OfInt little(ValueLayout.OfInt layout) {
    return layout.withOrder(ByteOrder.LITTLE_ENDIAN);
  }

  private static ValueLayout.OfLong little(ValueLayout.OfLong layout) {
    return layout.withOrder(ByteOrder.LITTLE_ENDIAN);
  }
}
