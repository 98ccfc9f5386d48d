package io.gatun.quant.checkpoint;

import io.gatun.quant.checkpoint.GgufCursor.Rejected;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The head of a GGUF file: metadata and tensor infos.
 *
 * @param metadata the values by key, in file order
 * @param tensors the tensors by name, in file order, which is the order of their offsets
 * @param dataStart the byte of the file where offset 0 lies
 */
record GgufHeader(Map<String, GgufValue> metadata, Map<String, Tensor> tensors, long dataStart) {
  private static final int MAGIC = 0x46554747; // "GGUF"
  private static final int MAX_KEY = 65535;
  private static final int MAX_NAME = 63;
  private static final int MAX_DIMENSIONS = 4;
  private static final long LEAST_ENTRY = 13; // key length, type, one byte
  private static final long LEAST_INFO = 24; // name length, dimensions, type, offset
  private static final List<String> TYPE_NAMES =
      List.of(
          "F32", "F16", "Q4_0", "Q4_1", "Q4_2", "Q4_3", "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q2_K",
          "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL",
          "IQ3_S", "IQ2_S", "IQ4_XS", "I8", "I16", "I32", "I64", "F64", "IQ1_M", "BF16");

  /** One tensor: dimensions in torch's order, offset from the start of the data. */
  record Tensor(Encoding encoding, List<Long> shape, long offset, long bytes) {}

  /** Parses and validates. */
  static GgufHeader parse(Path file, MemorySegment bytes) {
    try {
      return new Parser(bytes).header();
    } catch (Rejected e) {
      throw new CheckpointException(file, e.rule);
    } catch (ArithmeticException _) {
      throw new CheckpointException(file, "the sizes of its tensors overflow");
    }
  }

  private static final class Parser {
    private final GgufCursor in;
    private final long size;
    private final Map<String, GgufValue> metadata = new LinkedHashMap<>();
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();
    private final Map<String, List<String>> unsupported = new TreeMap<>();

    Parser(MemorySegment bytes) {
      in = new GgufCursor(bytes);
      size = bytes.byteSize();
    }

    GgufHeader header() throws Rejected {
      checkVersion();
      int tensorCount = in.count("the number of tensors", LEAST_INFO);
      int entryCount = in.count("the number of metadata entries", LEAST_ENTRY);
      for (int i = 0; i < entryCount; i++) {
        var key = named("the key of metadata entry " + (i + 1), MAX_KEY);
        if (metadata.put(key, in.value(key)) != null) {
          throw new Rejected("the key " + key + " appears twice");
        }
      }
      long alignment = alignment();
      long next = 0;
      for (int i = 0; i < tensorCount; i++) {
        next = align(readInfo("tensor " + (i + 1), next), alignment);
      }
      checkTypes();
      long start = align(in.position(), alignment);
      checkEnd(start);
      start = Math.min(start, size); // a file without tensors may leave out the padding
      return new GgufHeader(
          Collections.unmodifiableMap(metadata), Collections.unmodifiableMap(tensors), start);
    }

    private void checkVersion() throws Rejected {
      if (in.u32("the magic bytes") != MAGIC) {
        throw new Rejected("is not a GGUF file: its first four bytes are not GGUF");
      }
      int version = in.u32("the version");
      if (version == Integer.reverseBytes(2) || version == Integer.reverseBytes(3)) {
        throw new Rejected("is a big-endian GGUF file; only little-endian ones are read");
      }
      if (version != 2 && version != 3) {
        throw new Rejected(
            "has GGUF version %s; versions 2 and 3 are read"
                .formatted(Integer.toUnsignedString(version)));
      }
    }

    private long alignment() throws Rejected {
      return switch (metadata.get("general.alignment")) {
        case null -> 32;
        case GgufValue.Whole(var n) when n > 0 && n <= 1 << 30 && Long.bitCount(n) == 1 -> n;
        case GgufValue.Whole(var n) ->
            throw new Rejected("general.alignment is " + n + ", not a power of two");
        case GgufValue other -> throw new Rejected("general.alignment is " + other.kind());
      };
    }

    /** Reads one info and returns where its bytes end. */
    private long readInfo(String where, long expected) throws Rejected {
      var name = named("the name of " + where, MAX_NAME);
      int dimensions = in.u32("the number of dimensions of " + name);
      if (dimensions < 0 || dimensions > MAX_DIMENSIONS) {
        throw new Rejected(
            "tensor %s has %s dimensions, at most %d are allowed"
                .formatted(name, Integer.toUnsignedString(dimensions), MAX_DIMENSIONS));
      }
      var shape = new ArrayList<Long>();
      for (int i = 0; i < dimensions; i++) {
        shape.addFirst(in.u64("a dimension of tensor " + name));
        if (shape.getFirst() == 0) {
          throw new Rejected("tensor " + name + " has a dimension of 0");
        }
      }
      int type = in.u32("the type of tensor " + name);
      long offset = in.u64("the offset of tensor " + name);
      var encoding = Encoding.ofGguf(type);
      if (encoding.isEmpty()) {
        unsupported.computeIfAbsent(typeName(type), _ -> new ArrayList<>()).add(name);
        return offset; // what follows cannot be checked, and is refused below
      }
      var tensor = new Tensor(encoding.get(), shape, offset, bytes(name, encoding.get(), shape));
      if (unsupported.isEmpty() && offset != expected) {
        throw new Rejected(
            "tensor %s lies at offset %d, where %d is the next".formatted(name, offset, expected));
      }
      if (tensors.put(name, tensor) != null) {
        throw new Rejected("the tensor name " + name + " appears twice");
      }
      return Math.addExact(offset, tensor.bytes());
    }

    private static long bytes(String name, Encoding encoding, List<Long> shape) throws Rejected {
      try {
        long elements = shape.stream().reduce(1L, Math::multiplyExact);
        long cols = shape.isEmpty() ? 1 : shape.getLast();
        if (cols % encoding.block != 0) {
          throw new Rejected(
              "tensor %s has rows of %d values, not a multiple of %s's %d"
                  .formatted(name, cols, encoding, encoding.block));
        }
        if (cols > Integer.MAX_VALUE || elements / cols > Integer.MAX_VALUE) {
          throw new Rejected("tensor %s has the shape %s, too large".formatted(name, shape));
        }
        return encoding.bytes(elements);
      } catch (ArithmeticException _) {
        throw new Rejected("the shape %s of tensor %s overflows".formatted(shape, name));
      }
    }

    private void checkTypes() throws Rejected {
      if (!unsupported.isEmpty()) {
        var list = new ArrayList<String>();
        unsupported.forEach((type, names) ->
            list.add(names.size() + " of " + type + " (" + names.getFirst() + ")"));
        throw new Rejected(
            "holds tensors whose type is not read: %s; F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, "
                    .formatted(String.join(", ", list))
                + "Q4_K, Q5_K and Q6_K are");
      }
    }

    private void checkEnd(long start) throws Rejected {
      for (var t : tensors.entrySet()) {
        long end = Math.addExact(start, Math.addExact(t.getValue().offset(), t.getValue().bytes()));
        if (end > size) {
          throw new Rejected(
              "is cut off: tensor %s ends at byte %d, the file has %d"
                  .formatted(t.getKey(), end, size));
        }
      }
    }

    private String named(String what, int most) throws Rejected {
      var name = in.string(what, most);
      if (name.isEmpty() || name.indexOf('\0') >= 0) {
        throw new Rejected(what + " is empty or holds a zero byte");
      }
      return name;
    }

    private static String typeName(int type) {
      return type >= 0 && type < TYPE_NAMES.size() ? TYPE_NAMES.get(type) : "type " + type;
    }

    private static long align(long position, long alignment) {
      return Math.addExact(position, alignment - 1) & -alignment;
    }
  }
}
