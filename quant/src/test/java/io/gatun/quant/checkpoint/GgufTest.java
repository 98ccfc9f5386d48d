package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufTest {
  @TempDir Path folder;

  @Test
  void opensEveryGoldenFile() {
    Golden.files("gguf", "*.gguf")
        .run(c -> {
          try (var arena = Arena.ofConfined()) {
            var file = Gguf.open(c.path(), arena);
            assertEquals("llama", file.string("general.architecture").orElseThrow());
            for (var name : file.names()) {
              assertEquals(file.info(name).elements(), file.readFloats(name).length);
            }
          }
        });
  }

  private Gguf open(GgufBytes bytes, Arena arena) throws Exception {
    var file = folder.resolve("x.gguf");
    Files.write(file, bytes.toArray());
    return Gguf.open(file, arena);
  }

  private void refused(String reason, GgufBytes bytes) throws Exception {
    try (var arena = Arena.ofConfined()) {
      var e = assertThrows(CheckpointException.class, () -> open(bytes, arena));
      assertTrue(e.getMessage().contains(reason), e.getMessage());
      assertEquals(1, e.getMessage().lines().count());
    }
  }

  @Test
  void readsVersionTwoAndEveryKindOfValue() throws Exception {
    var bytes = GgufBytes.head(2, 1, 8);
    bytes.text("u8").u32(0).raw(200).text("i64").u32(11).u64(-5);
    bytes.text("f32").u32(6).u32(Float.floatToIntBits(1e-5f)).text("flag").u32(7).raw(1);
    bytes.text("s").u32(8).text("ü").text("list").u32(9).u32(8).u64(2).text("").text("a");
    bytes.text("i").u32(9).u32(3).u64(2).raw(1, 0, 0xff, 0xff);
    bytes.text("r").u32(9).u32(12).u64(1).u64(Double.doubleToLongBits(0.1));
    bytes.info("t", 2, 0, 0).pad().u32(Float.floatToIntBits(3f)).u32(0);
    try (var arena = Arena.ofConfined()) {
      var file = open(bytes, arena);
      assertEquals(OptionalLong.of(200), file.integer("u8"));
      assertEquals(-5, file.integer("i64").orElseThrow());
      assertEquals(OptionalLong.empty(), file.integer("absent"));
      assertEquals(1e-5, file.number("f32").orElseThrow());
      assertEquals(200.0, file.number("u8").orElseThrow());
      assertTrue(file.flag("flag").orElseThrow());
      assertEquals("ü", file.string("s").orElseThrow());
      assertEquals(List.of("", "a"), file.strings("list"));
      assertEquals(-1, file.integers("i")[1]);
      assertEquals(0.1, file.numbers("r")[0]);
      assertEquals(3f, file.readFloats("t")[0]);
      assertEquals(8, file.keys().size());
      assertThrows(CheckpointException.class, () -> file.string("u8"));
      assertThrows(CheckpointException.class, () -> file.bytes("absent"));
    }
  }

  @Test
  void refusesWhatIsMalformed() throws Exception {
    refused("not a GGUF", new GgufBytes().raw('G', 'G', 'U', 'X').zeros(20));
    refused("ends inside", new GgufBytes().raw('G', 'G'));
    refused("version 1", GgufBytes.head(1, 0, 0));
    refused("version 4", GgufBytes.head(4, 0, 0));
    refused("big-endian", GgufBytes.head(3 << 24, 0, 0));
    refused("number of tensors", GgufBytes.head(3, 1L << 40, 0));
    refused("number of tensors is 18446744073709551615", GgufBytes.head(3, -1, 0));
    refused("metadata entries", GgufBytes.head(3, 0, 1L << 60));
    refused("length of", GgufBytes.head(3, 0, 1).u64(1L << 62).zeros(64));
    refused("unknown type", GgufBytes.head(3, 0, 1).text("a").u32(13).zeros(64));
    refused("list of lists", GgufBytes.head(3, 0, 1).text("a").u32(9).u32(9).zeros(64));
    refused("lists the unknown", GgufBytes.head(3, 0, 1).text("a").u32(9).u32(77).zeros(64));
    refused("elements of a", GgufBytes.head(3, 0, 1).text("a").u32(9).u32(4).u64(1 << 30));
    refused("truth value 2", GgufBytes.head(3, 0, 1).text("a").u32(7).raw(2));
    refused("not UTF-8", GgufBytes.head(3, 0, 1).u64(1).raw(0xff).u32(7).raw(1));
    refused("empty", GgufBytes.head(3, 0, 1).text("").u32(7).raw(1));
    refused("twice", GgufBytes.head(3, 0, 2).text("a").u32(7).raw(1).text("a").u32(7).raw(1));
    var key = "general.alignment";
    refused("power of two", GgufBytes.head(3, 0, 1).text(key).u32(4).u32(24));
    refused("power of two", GgufBytes.head(3, 0, 1).text(key).u32(4).u32(0));
    refused("is a string", GgufBytes.head(3, 0, 1).text(key).u32(8).text("32"));
  }

  @Test
  void refusesMalformedTensors() throws Exception {
    refused("at most 63", GgufBytes.head(3, 1, 0).info("n".repeat(64), 1, 0, 0).pad().zeros(4));
    refused(
        "twice", GgufBytes.head(3, 2, 0).info("t", 8, 0, 0).info("t", 8, 0, 32).pad().zeros(64));
    refused("5 dimensions", GgufBytes.head(3, 1, 0).text("t").u32(5).zeros(64));
    refused("dimension of 0", GgufBytes.head(3, 1, 0).info("t", 0, 0, 0).pad());
    refused("too large", GgufBytes.head(3, 1, 0).info("t", 1L << 62, 0, 0).pad());
    refused(
        "overflows",
        GgufBytes.head(3, 1, 0).text("t").u32(2).u64(1L << 40).u64(1L << 40).u32(0).u64(0).pad());
    refused("multiple", GgufBytes.head(3, 1, 0).info("t", 33, 2, 0).pad().zeros(64));
    refused("Q2_K (t)", GgufBytes.head(3, 1, 0).info("t", 256, 10, 0).pad().zeros(99));
    refused("type 99", GgufBytes.head(3, 1, 0).info("t", 256, 99, 0).pad().zeros(99));
    refused("offset 4", GgufBytes.head(3, 1, 0).info("t", 1, 0, 4).pad().zeros(99));
    refused(
        "offset 64",
        GgufBytes.head(3, 2, 0).info("t", 1, 0, 0).info("u", 1, 0, 64).pad().zeros(99));
    refused("cut off", GgufBytes.head(3, 1, 0).info("t", 8, 0, 0).pad().zeros(31));
    refused("cut off", GgufBytes.head(3, 1, 0).info("t", 8, 0, 0));
  }

  @Test
  void aFileWithoutTensorsNeedsNoPadding() throws Exception {
    try (var arena = Arena.ofConfined()) {
      assertTrue(open(GgufBytes.head(3, 0, 0), arena).names().isEmpty());
    }
  }
}
