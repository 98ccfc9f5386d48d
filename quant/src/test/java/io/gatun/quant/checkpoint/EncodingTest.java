package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.EnumSet;
import org.junit.jupiter.api.Test;

class EncodingTest {
  /** Every block set, random bits included, decodes to the reference's bits. */
  @Test
  void decodesTheReferencesBits() {
    Golden.files("gguf", "blocks.safetensors").run(EncodingTest::blocks);
  }

  private static void blocks(Golden.Case c) {
    var seen = EnumSet.noneOf(Encoding.class);
    try (var arena = Arena.ofShared()) {
      var file = Safetensors.open(c.path(), arena);
      for (var name : file.names()) {
        if (name.endsWith(".raw")) {
          var encoding = Encoding.valueOf(name.substring(0, name.indexOf('.')));
          seen.add(encoding);
          compare(name, encoding, file.bytes(name), expected(file, name));
        }
      }
    }
    var decoded = EnumSet.complementOf(EnumSet.of(Encoding.F32, Encoding.F64));
    assertTrue(seen.containsAll(decoded), "only " + seen);
  }

  /** The file holds what F16 was rounded from, not what it decodes to. */
  private static float[] expected(Safetensors file, String name) {
    if (!name.equals("F16.raw")) {
      return floats(file, name.replace(".raw", ".dequant"));
    }
    var values = floats(file, "F16.input");
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.float16ToFloat(Float.floatToFloat16(values[i]));
    }
    return values;
  }

  private static void compare(String name, Encoding encoding, MemorySegment raw, float[] expected) {
    var whole = new float[expected.length];
    encoding.decode(raw.toArray(ValueLayout.JAVA_BYTE), 0, whole, 0, whole.length);
    bits(name, expected, whole);
    var rows = new float[expected.length];
    int cols = encoding.block;
    var decoder = new RowDecoder(raw, encoding, cols, new RowOrder.Stored(), 0);
    decoder.read(0, rows.length / cols, MemorySegment.ofArray(rows));
    bits(name + " by rows", expected, rows);
  }

  private static void bits(String name, float[] expected, float[] actual) {
    for (int i = 0; i < expected.length; i++) {
      int e = Float.floatToIntBits(expected[i]); // one pattern for every NaN
      assertEquals(e, Float.floatToIntBits(actual[i]), name + " at " + i);
    }
  }

  static float[] floats(Safetensors file, String name) {
    assertEquals("F32", file.info(name).dtype());
    return file.bytes(name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  /** Pieces, shares and orders do not change a bit: a big matrix in parallel, a part, a row. */
  @Test
  void anyRangeOfRowsInAnyOrder() {
    int rows = 2048;
    int cols = 1056;
    try (var arena = Arena.ofShared()) {
      var raw = arena.allocate(Encoding.Q4_1.bytes((long) rows * cols));
      for (long i = 0; i < raw.byteSize(); i++) {
        raw.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31 % 61));
      }
      var whole = new float[rows * cols];
      Encoding.Q4_1.decode(raw.toArray(ValueLayout.JAVA_BYTE), 0, whole, 0, whole.length);
      var shared = arena.allocate(4L * rows * cols);
      var stored = new RowDecoder(raw, Encoding.Q4_1, cols, new RowOrder.Stored(), 0);
      stored.read(0, rows, shared);
      assertArrayEquals(whole, shared.toArray(ValueLayout.JAVA_FLOAT));
      var part = new float[13 * cols];
      stored.read(207, 13, MemorySegment.ofArray(part));
      assertEquals(0, compareRow(whole, 207 * cols, part, part.length));
      var order = new RowOrder.Paired(64);
      var paired = new RowDecoder(raw, Encoding.Q4_1, cols, order, 0);
      paired.read(0, rows, shared);
      var values = shared.toArray(ValueLayout.JAVA_FLOAT);
      for (int row = 0; row < rows; row++) {
        var one = Arrays.copyOfRange(values, row * cols, (row + 1) * cols);
        assertEquals(0, compareRow(whole, order.storedRow(row) * cols, one, cols));
      }
    }
  }

  private static int compareRow(float[] whole, int at, float[] part, int count) {
    return Arrays.compare(whole, at, at + count, part, 0, count);
  }

  @Test
  void pairedRows() {
    // Two heads of size 6: pairs (0,1) (2,3) (4,5) of the file are halves of the head.
    var order = new RowOrder.Paired(6);
    int[] expected = {0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11};
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], order.storedRow(i));
    }
  }
}
