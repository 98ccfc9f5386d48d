package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelArchiveTest {
  private static final byte[] TOKENIZER = bytes("{\"model\": {\"vocab\": {\"\u00e9\": 0}}}");

  @TempDir Path folder;
  private final Arena arena = Arena.ofConfined();
  private byte[] model = new byte[0];

  @BeforeEach
  void write() {
    model = OnnxBert.of(Checkpoint.open(Golden.file("bare/tiny_bert"), arena), true, "");
  }

  @AfterEach
  void close() {
    arena.close();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Writes an archive, its entries deflated or stored. */
  static Path archive(Path file, boolean stored, Map<String, byte[]> entries) throws IOException {
    try (var out = new ZipOutputStream(Files.newOutputStream(file))) {
      for (var e : entries.entrySet()) {
        var entry = new ZipEntry(e.getKey());
        var checksum = new CRC32();
        checksum.update(e.getValue());
        entry.setMethod(stored ? ZipEntry.STORED : ZipEntry.DEFLATED);
        entry.setSize(e.getValue().length);
        entry.setCrc(checksum.getValue());
        out.putNextEntry(entry);
        out.write(e.getValue());
        out.closeEntry();
      }
    }
    return file;
  }

  private Path archive(Map<String, byte[]> entries) throws Exception {
    return archive(folder.resolve("model.jar"), false, entries);
  }

  private void refused(Path file, String reason) {
    var e = assertThrows(CheckpointException.class, () -> Checkpoint.open(file, arena));
    assertTrue(e.getMessage().contains(reason), e.getMessage());
    assertTrue(e.getMessage().startsWith(file + ": "), e.getMessage());
    assertEquals(1, e.problems().size());
  }

  @Test
  void theSameTensorsAsTheFile() throws Exception {
    var file = Checkpoint.open(Files.write(folder.resolve("a.onnx"), model), arena);
    for (boolean stored : new boolean[] {true, false}) {
      var entries = new LinkedHashMap<String, byte[]>();
      entries.put("META-INF/", new byte[0]);
      entries.put("a-tokenizer.json", TOKENIZER);
      entries.put("other/tokenizer.json", bytes("{}"));
      entries.put("a.onnx", model);
      var path = archive(folder.resolve("a.zip"), stored, entries);
      var inside = Checkpoint.open(path, arena);
      assertEquals(file.names(), inside.names());
      assertEquals(file.config(), inside.config());
      for (var name : file.names()) {
        assertArrayEquals(file.readFloats(name), inside.readFloats(name), name);
      }
      var tokenizer = assertInstanceOf(TokenizerSource.Text.class, inside.tokenizer());
      assertEquals(new String(TOKENIZER, StandardCharsets.UTF_8), tokenizer.json());
      assertEquals(path + "!/a-tokenizer.json", tokenizer.origin());
    }
  }

  @Test
  void configBesideTheModel() throws Exception {
    var config = bytes("{\"model_type\": \"bert\", \"n\": 2}");
    var tokenizer = "x/tokenizer.json";
    var inside = Map.of("x/m.onnx", model, tokenizer, TOKENIZER, "x/config.json", config);
    assertEquals(2, Checkpoint.open(archive(inside), arena).config().path("n").asInt());
    refused(
        archive(Map.of("x/m.onnx", model, tokenizer, TOKENIZER, "x/config.json", bytes("["))),
        "x/config.json is not valid JSON");
  }

  @Test
  void archivesWithoutOneModel() throws Exception {
    refused(archive(Map.of()), "is an archive without an ONNX model (it is empty)");
    refused(archive(Map.of("a.txt", new byte[1])), "(it holds a.txt)");
    refused(archive(Map.of("a.gguf", new byte[1])), "holds a.gguf; unpack it");
    refused(
        archive(Map.of("b.onnx", model, "a.onnx", model)),
        "holds 2 models: a.onnx, b.onnx; unpack it and give one of them");
    refused(archive(Map.of("a.onnx", model)), "holds a.onnx but no tokenizer.json");
    refused(
        archive(
            Map.of("a.onnx", model, "x-tokenizer.json", TOKENIZER, "y/tokenizer.json", TOKENIZER)),
        "holds several tokenizers (x-tokenizer.json, y/tokenizer.json), none of them beside"
            + " a.onnx");
    refused(
        archive(Map.of("a.onnx", model, "tokenizer.json", new byte[] {(byte) 0xff})),
        "tokenizer.json is not UTF-8");
    refused(archive(Map.of("archive/data.pkl", new byte[1])), "is a pickle file");
  }

  /** A large model that is all zeros inside: refused before any memory is taken for it. */
  @Test
  void whatWouldFillMemory() throws Exception {
    var zeros = Map.of("a.onnx", new byte[1 << 20], "tokenizer.json", TOKENIZER);
    refused(archive(zeros), "says that a.onnx is 1048576 bytes, packed into");
    var file =
        archive(
            folder.resolve("b.jar"), true, Map.of("a.onnx", model, "tokenizer.json", TOKENIZER));
    for (int size : new int[] {Integer.MAX_VALUE, model.length + 1, model.length - 1, 0}) {
      var bytes = Files.readAllBytes(file);
      patchSize(bytes, size);
      Files.write(folder.resolve("c.jar"), bytes);
      var e =
          assertThrows(
              CheckpointException.class, () -> Checkpoint.open(folder.resolve("c.jar"), arena));
      assertTrue(e.getMessage().matches("(?s).*(damaged|says that a.onnx).*"), e.getMessage());
    }
  }

  /** Puts another uncompressed size into the central directory's entry of a.onnx. */
  private static void patchSize(byte[] archive, int size) {
    var text = new String(archive, StandardCharsets.ISO_8859_1);
    int name = text.lastIndexOf("a.onnx");
    ByteBuffer.wrap(archive).order(ByteOrder.LITTLE_ENDIAN).putInt(name - 46 + 24, size);
  }

  @Test
  void damagedContents() throws Exception {
    var file =
        archive(
            folder.resolve("b.jar"), true, Map.of("a.onnx", model, "tokenizer.json", TOKENIZER));
    var bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    refused(Files.write(file, bytes), "is damaged: a.onnx is not what its checksum says");
    refused(Files.write(file, Arrays.copyOf(bytes, 1000)), "is a damaged archive");
  }
}
