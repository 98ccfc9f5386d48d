package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointTest {
  @TempDir Path folder;

  private static TensorData floats(String name, long... shape) {
    var dims = Arrays.stream(shape).boxed().toList();
    int n = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    var values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = i + name.hashCode() % 100;
    }
    return TensorData.floats(name, dims, () -> values);
  }

  @Test
  void opensEveryGoldenModel() {
    Golden.folders("models", "model.safetensors")
        .run(c -> {
          try (var arena = Arena.ofConfined()) {
            var folder = Checkpoint.open(c.path(), arena);
            var file = Checkpoint.open(c.file("model.safetensors"), arena);
            assertEquals(folder.names(), file.names());
            assertEquals(folder.config(), file.config());
            assertTrue(folder.config().has("model_type"));
            assertInstanceOf(TokenizerSource.Folder.class, folder.tokenizer());
            for (var name : folder.names()) {
              assertEquals(folder.info(name).elements(), folder.readFloats(name).length);
            }
          }
        });
  }

  @Test
  void renamedTensorsAreTheSame() {
    SafetensorsWriter.write(
        folder.resolve("model.safetensors"), Map.of(), List.of(floats("a", 2), floats("b", 3)));
    try (var arena = Arena.ofConfined()) {
      var stored = Checkpoint.open(folder, arena);
      var renamed = stored.renamed(Map.of("a", "c", "absent", "d"));
      assertEquals(Set.of("b", "c"), renamed.names());
      assertArrayEquals(stored.readFloats("a"), renamed.readFloats("c"));
      assertEquals(Set.of("a", "b"), stored.names());
      var twice = assertThrows(CheckpointException.class, () -> stored.renamed(Map.of("a", "b")));
      assertTrue(twice.getMessage().contains("two tensors are called b"), twice.getMessage());
    }
  }

  /** What a 4-bit layer decodes to is what the reference decodes it to, bit for bit. */
  @Test
  void decodesFourBitLayersToTheReferencesBits() {
    Golden.folders("qlora", "model.safetensors")
        .run(c -> {
          try (var arena = Arena.ofConfined()) {
            var model = Checkpoint.open(c.path(), arena);
            var io = Safetensors.open(c.file("io.safetensors"), arena);
            long layers = model.names().stream().filter(n -> model.fourBit(n).isPresent()).count();
            assertTrue(layers > 0);
            for (var name : io.names()) {
              if (name.startsWith("dequant.")) {
                var weight = name.substring("dequant.".length());
                assertTrue(model.fourBit(weight).isPresent(), weight);
                assertArrayEquals(EncodingTest.floats(io, name), model.readFloats(weight));
              }
            }
          }
        });
  }

  @Test
  void rowsAndRawBytes() {
    SafetensorsWriter.write(
        folder.resolve("model.safetensors"),
        Map.of(),
        List.of(
            floats("matrix", 5, 3),
            floats("vector", 4),
            TensorData.of("ids", TensorType.I64, List.of(1L), MemorySegment.ofArray(new byte[8]))));
    try (var arena = Arena.ofConfined()) {
      var model = Checkpoint.open(folder, arena);
      var part = new float[6];
      model.readFloats("matrix", 2, 2, MemorySegment.ofArray(part));
      assertEquals(model.readFloats("matrix")[6], part[0]);
      assertEquals(4, model.info("vector").cols());
      assertEquals(1, model.info("vector").rows());
      assertEquals(60, model.raw("matrix").orElseThrow().byteSize());
      assertEquals(8, model.raw("ids").orElseThrow().byteSize());
      assertTrue(model.fourBit("matrix").isEmpty());
      assertThrows(CheckpointException.class, () -> model.readFloats("ids"));
      assertThrows(CheckpointException.class, () -> model.info("absent"));
      assertThrows(CheckpointException.class, model::config);
      var out = MemorySegment.ofArray(part);
      assertThrows(IndexOutOfBoundsException.class, () -> model.readFloats("matrix", 4, 2, out));
      assertThrows(IndexOutOfBoundsException.class, () -> model.readFloats("matrix", 0, 3, out));
    }
  }

  @Test
  void oldNamesOfLayerNorms() {
    var file = folder.resolve("model.safetensors");
    SafetensorsWriter.write(
        file,
        Map.of(),
        List.of(floats("a.LayerNorm.gamma", 2), floats("a.LayerNorm.beta", 2), floats("gamma", 1)));
    try (var arena = Arena.ofConfined()) {
      var model = Checkpoint.open(folder, arena);
      assertEquals(Set.of("a.LayerNorm.weight", "a.LayerNorm.bias", "gamma"), model.names());
    }
    SafetensorsWriter.write(
        file, Map.of(), List.of(floats("LayerNorm.gamma", 2), floats("LayerNorm.weight", 2)));
    refused("two names of one tensor");
  }

  private CheckpointException refused(String reason) {
    try (var arena = Arena.ofConfined()) {
      var e = assertThrows(CheckpointException.class, () -> Checkpoint.open(folder, arena));
      assertTrue(e.getMessage().contains(reason), e.getMessage());
      return e;
    }
  }

  @Test
  void foldersWithoutAModel() throws Exception {
    refused("has neither model.safetensors nor");
    Files.writeString(folder.resolve("model.gguf"), "");
    refused("to read model.gguf name that file");
    Files.move(folder.resolve("model.gguf"), folder.resolve("model.onnx"));
    refused("to read model.onnx name that file");
    var adapter = folder.resolve("adapter_model.safetensors");
    Files.writeString(adapter, "");
    refused("is a LoRA adapter, not a model");
    Files.delete(adapter);
    Files.writeString(folder.resolve("pytorch_model.bin"), "");
    refused("pytorch_model.bin is a pickle file");
    Files.writeString(folder.resolve("config.json"), "{");
    SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of(), List.of());
    refused("config.json is not valid JSON");
    Files.writeString(folder.resolve("config.json"), "[]");
    refused("config.json is not a JSON object");
    try (var arena = Arena.ofConfined()) {
      var pickle = folder.resolve("x.pt");
      Files.write(pickle, new byte[] {'P', 'K', 3, 4, 0, 0, 0, 0, 0});
      var e = assertThrows(CheckpointException.class, () -> Checkpoint.open(pickle, arena));
      assertTrue(e.getMessage().contains("pickle"), e.getMessage());
      var absent = folder.resolve("absent");
      var f = assertThrows(CheckpointException.class, () -> Checkpoint.open(absent, arena));
      assertTrue(f.getMessage().contains("no such file"), f.getMessage());
    }
  }

  /** All problems of an index at once: names that lead elsewhere, absent shards, absent tensors. */
  @Test
  void everyProblemOfAnIndex() throws Exception {
    SafetensorsWriter.write(
        folder.resolve("model-00001-of-00002.safetensors"), Map.of(), List.of(floats("a", 2)));
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        """
        {"metadata": {}, "weight_map": {
          "a": "model-00001-of-00002.safetensors", "b": "model-00001-of-00002.safetensors",
          "c": "model-00002-of-00002.safetensors", "d": "../model.safetensors", "e": "/etc/passwd",
          "f": "..", "g": "", "h": 7, "i": "x\\\\y", "j": "a\\u0000b", "k": null}}
        """);
    var e = refused("problems");
    var all = String.join("\n", e.problems());
    assertTrue(all.contains("says that b is in model-00001-of-00002.safetensors"), all);
    assertTrue(all.contains("shard model-00002-of-00002.safetensors: cannot be read"), all);
    for (var name : List.of("../model.safetensors", "/etc/passwd", "..", "", "x\\y", "a\0b")) {
      assertTrue(all.contains("names \"" + name + "\""), name + " in " + all);
    }
    Files.writeString(folder.resolve("model.safetensors.index.json"), "{}");
    refused("no weight_map");
  }

  @Test
  void absurdShapesAndEightBitLayers() {
    var file = folder.resolve("model.safetensors");
    var empty = MemorySegment.ofArray(new byte[0]);
    var huge = List.of(1L << 40, 0L);
    SafetensorsWriter.write(
        file, Map.of(), List.of(TensorData.of("huge", TensorType.F32, huge, empty)));
    refused("too large");
    SafetensorsWriter.write(file, Map.of(), List.of(floats("a.SCB", 2), floats("a.weight", 2)));
    refused("8 bit");
  }
}
