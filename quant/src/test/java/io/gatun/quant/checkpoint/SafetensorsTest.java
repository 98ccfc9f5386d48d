package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class SafetensorsTest {
  private static final JsonMapper JSON = new JsonMapper();

  /** Accepts and rejects what the reference does, and sees the same tensors and metadata. */
  @Test
  void verdicts() {
    Golden.files("safetensors", "*.safetensors").run(SafetensorsTest::compare);
  }

  private static void compare(Golden.Case c) throws Exception {
    var verdicts = JSON.readTree(Files.readAllBytes(c.resolve("safetensors/verdicts.json")));
    var verdict = verdicts.path("cases").path(c.name());
    assertFalse(verdict.isMissingNode(), "no verdict");
    try (var arena = Arena.ofConfined()) {
      if (verdict.has("deserialize")) {
        compareTensors(verdict, Safetensors.open(c.path(), arena));
      } else {
        var e = assertThrows(CheckpointException.class, () -> Safetensors.open(c.path(), arena));
        assertTrue(e.getMessage().startsWith(c.path() + ": "), e.getMessage());
        assertEquals(1, e.problems().size());
        assertEquals(1, e.getMessage().lines().count());
      }
    }
  }

  private static void compareTensors(JsonNode verdict, Safetensors file) {
    var expected = verdict.path("deserialize");
    assertEquals(new TreeSet<>(expected.propertyNames()), new TreeSet<>(file.names()));
    for (var name : file.names()) {
      var info = file.info(name);
      assertEquals(expected.path(name).path("dtype").asString(), info.dtype());
      assertEquals(
          expected.path(name).path("shape").toString(), info.shape().toString().replace(" ", ""));
      assertEquals(info.bytes(), file.bytes(name).byteSize());
    }
    var metadata = verdict.path("metadata");
    assertEquals(metadata.size(), file.metadata().size());
    metadata
        .properties()
        .forEach(e -> assertEquals(e.getValue().asString(), file.metadata().get(e.getKey())));
  }

  @Test
  void moreMalformedHeaders(@TempDir Path folder) throws Exception {
    refused(
        folder,
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[-0],\"data_offsets\":[0,0]}}",
        0,
        "non-negative");
    refused(
        folder, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1e0],\"data_offsets\":[0,1]}}", 1, "integer");
    refused(
        folder,
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[18446744073709551615],\"data_offsets\":[0,0]}}",
        0,
        "overflows");
    refused(
        folder,
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"shape\":[1]}}",
        1,
        "twice");
    refused(
        folder, "{\"a\":{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}}", 1, "not an array");
    refused(
        folder, "{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "not a string");
    refused(folder, "{\"a\":[]}", 0, "not an object");
    refused(folder, name("\\ud800"), 1, "");
    refused(folder, name("\\udc00"), 1, "");
    refused(folder, name("\\udc00\\ud800"), 1, "");
    refused(folder, "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice");
    refused(folder, "\ufeff{}", 0, "JSON");
    refused(folder, "[".repeat(100_000), 0, "JSON");
    refused(folder, "{\"a\":{\"x\":" + "[".repeat(100_000), 0, "JSON");
  }

  private static String name(String name) {
    return "{\"" + name + "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
  }

  private static void refused(Path folder, String header, int data, String reason)
      throws Exception {
    var file = folder.resolve("x.safetensors");
    Files.write(file, bytes(header, data));
    try (var arena = Arena.ofConfined()) {
      var e = assertThrows(CheckpointException.class, () -> Safetensors.open(file, arena));
      assertTrue(e.getMessage().contains(reason), e.getMessage());
    }
  }

  private static byte[] bytes(String header, int data) {
    var text = header.getBytes(StandardCharsets.UTF_8);
    var all = new byte[8 + text.length + data];
    for (int i = 0; i < 4; i++) {
      all[i] = (byte) (text.length >> (8 * i));
    }
    System.arraycopy(text, 0, all, 8, text.length);
    return all;
  }

  @Test
  void missingFilesAndTensors(@TempDir Path folder) throws Exception {
    try (var arena = Arena.ofConfined()) {
      var absent = folder.resolve("absent.safetensors");
      var e = assertThrows(CheckpointException.class, () -> Safetensors.open(absent, arena));
      assertTrue(e.getMessage().contains("no such file"), e.getMessage());
      assertThrows(CheckpointException.class, () -> Safetensors.open(folder, arena));
      var file = folder.resolve("empty.safetensors");
      Files.write(file, bytes("{}", 0));
      var empty = Safetensors.open(file, arena);
      assertEquals(Set.of(), empty.names());
      assertThrows(CheckpointException.class, () -> empty.bytes("a"));
    }
  }
}
