package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OnnxModelTest {
  private static final List<String> KEYS =
      List.of(
          "model_type",
          "vocab_size",
          "hidden_size",
          "num_hidden_layers",
          "num_attention_heads",
          "intermediate_size",
          "hidden_act",
          "layer_norm_eps",
          "max_position_embeddings",
          "type_vocab_size");

  @TempDir Path folder;
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  private Checkpoint open(byte[] contents) throws Exception {
    return Checkpoint.open(Files.write(folder.resolve("model.onnx"), contents), arena);
  }

  private void refused(byte[] contents, String reason) {
    var e = assertThrows(CheckpointException.class, () -> open(contents));
    assertTrue(e.getMessage().contains(reason), e.getMessage());
    assertTrue(e.getMessage().startsWith(folder.resolve("model.onnx") + ": "), e.getMessage());
  }

  private Checkpoint tiny() {
    return Checkpoint.open(Golden.file("bare/tiny_bert"), arena);
  }

  private static void isBert(Checkpoint model) {
    if (!model.config().path("model_type").asString().equals("bert")) {
      throw new Golden.Refused("no BERT model");
    }
  }

  /** Every tensor bit for bit, and every setting, written either way. */
  @Test
  void everyGoldenBert() {
    Golden.folders("models", "config.json")
        .run(c -> {
          var model = Checkpoint.open(c.path(), arena);
          isBert(model);
          assertSame(model, open(OnnxBert.of(model, true, "")));
          assertSame(model, open(OnnxBert.of(model, false, "")));
        });
  }

  private static void assertSame(Checkpoint expected, Checkpoint actual) {
    assertEquals(expected.names(), actual.names());
    for (var name : expected.names()) {
      assertEquals(expected.info(name), actual.info(name));
      assertArrayEquals(expected.readFloats(name), actual.readFloats(name), name);
    }
    for (var key : KEYS) {
      assertEquals(expected.config().path(key), actual.config().path(key), key);
    }
  }

  @Test
  void modelsWithoutAHeadAndInsideAnother() throws Exception {
    var model = tiny();
    for (boolean traced : new boolean[] {true, false}) {
      assertSame(model, open(OnnxBert.of(model, traced, "")));
      var wrapped = open(OnnxBert.of(model, traced, "0.auto_model."));
      assertSame(model, wrapped);
      assertEquals("BertModel", wrapped.config().path("architectures").path(0).asString());
    }
  }

  @Test
  void aHeadCountsItsLabels() throws Exception {
    var model = Checkpoint.open(Golden.file("models/tiny_bert_cls"), arena);
    var config = open(OnnxBert.of(model, true, "")).config();
    assertEquals(model.config().path("architectures"), config.path("architectures"));
    assertEquals(model.config().path("id2label"), config.path("id2label"));
  }

  @Test
  void turnedWeightsByRows() throws Exception {
    var model = open(OnnxBert.of(tiny(), true, ""));
    var name = "encoder.layer.1.intermediate.dense.weight"; // 48 x 32: more than a tile of rows
    var all = model.readFloats(name);
    int cols = model.info(name).cols();
    for (int first : new int[] {0, 5, 31, 47}) {
      for (int count : new int[] {0, 1, 48 - first}) {
        var part = new float[count * cols];
        model.readFloats(name, first, count, MemorySegment.ofArray(part));
        assertArrayEquals(Arrays.copyOfRange(all, first * cols, (first + count) * cols), part);
      }
    }
    assertTrue(model.raw(name).isEmpty());
    assertTrue(model.raw("embeddings.LayerNorm.weight").isPresent());
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> model.readFloats(name, 47, 2, MemorySegment.ofArray(new float[2 * cols])));
  }

  /** What the files beside it say holds, and the tokenizer is there. */
  @Test
  void filesBesideIt() throws Exception {
    var bytes = OnnxBert.of(tiny(), true, "");
    Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"bert\", \"n\": 1}");
    var model = open(bytes);
    assertEquals(1, model.config().path("n").asInt());
    var tokenizer = assertInstanceOf(TokenizerSource.Folder.class, model.tokenizer());
    assertEquals(folder, tokenizer.folder());
    Files.writeString(folder.resolve("config.json"), "{");
    refused(bytes, "config.json is not valid JSON");
    Files.delete(folder.resolve("model.onnx"));
    var e =
        assertThrows(
            CheckpointException.class, () -> Checkpoint.open(folder.resolve("model.onnx"), arena));
    assertTrue(e.getMessage().contains("no such file"), e.getMessage());
  }

  /** An exporter stores equal vectors once, under one of their names. */
  @Test
  void sharedVectors() throws Exception {
    var model = tiny();
    var tensors =
        model.names().stream()
            .map(name -> {
              boolean vector = model.info(name).shape().size() == 1;
              var values = vector ? new float[model.info(name).cols()] : model.readFloats(name);
              return TensorData.floats(name, model.info(name).shape(), () -> values);
            })
            .toList();
    SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of(), tensors);
    Files.writeString(folder.resolve("config.json"), model.config().toString());
    var zeros = Checkpoint.open(folder, arena);
    Files.delete(folder.resolve("config.json"));
    assertSame(zeros, open(OnnxBert.of(zeros, true, "0.auto_model.")));
  }

  @Test
  void halves() throws Exception {
    var half = new byte[] {0, 0x3c, 0, (byte) 0xc0}; // 1 and -2
    var bytes = new OnnxBytes().store("a.bias", OnnxBytes.FLOAT16, List.of(2L), half);
    var graph = OnnxGraph.parse(folder, MemorySegment.ofArray(bytes.toArray()));
    var tensor = graph.constant("a.bias").orElseThrow().tensor();
    var turned = new TurnedRows(tensor.data(), tensor.encoding().orElseThrow(), 1, 2);
    var values = new float[2];
    turned.read(0, 1, MemorySegment.ofArray(values));
    assertArrayEquals(new float[] {1, -2}, values);
  }

  @Test
  void whatIsNoModel() throws Exception {
    var whole = OnnxBert.of(tiny(), true, "");
    for (int length : new int[] {0, 1, 5, 1000, whole.length / 2, whole.length - 1}) {
      refused(Arrays.copyOf(whole, length), "is no ONNX model, or cut short");
    }
    refused("not a protocol buffer".getBytes(StandardCharsets.UTF_8), "is no ONNX model");
    var convolutions = new OnnxBytes().store("conv1.weight", List.of(1L, 1L, 1L, 1L), 1);
    convolutions.node("Conv", List.of("x", "conv1.weight"));
    refused(convolutions.toArray(), "is no BERT model with named weights");
    var distil = new OnnxBytes().store("embeddings.word_embeddings.weight", List.of(2L, 1L), 1, 2);
    refused(
        distil.toArray(), "is no BERT model: it has no encoder.layer.0.attention.self.query.bias");
  }

  @Test
  void weightsThatAreNotThere() {
    var quantized =
        new OnnxBytes()
            .store("w_quantized", OnnxBytes.INT8, List.of(1L, 2L), new byte[2])
            .store("v_quantized", OnnxBytes.INT8, List.of(1L, 2L), new byte[2]);
    refused(quantized.toArray(), "quantized to integers (w_quantized and 1 more)");
    var elsewhere =
        OnnxBytes.tensor(OnnxBytes.FLOAT, List.of(5L))
            .text(8, "w")
            .message(13, new ProtoBytes().text(1, "location").text(2, "../w.bin"))
            .integer(14, 1);
    refused(new OnnxBytes().store(elsewhere).toArray(), "keeps the data of 1 tensors (w)");
  }

  @Test
  void graphsThatSayTooLittle() {
    var fused = OnnxBert.unfinished(tiny());
    fused.node("SkipLayerNormalization", List.of("x"));
    refused(fused.toArray(), "has the operation SkipLayerNormalization");
    var counted = OnnxBert.unfinished(tiny());
    counted.node("CumSum", List.of("x"));
    refused(counted.toArray(), "counts positions as RoBERTa does");
    var strange = OnnxBert.unfinished(tiny());
    strange.store("encoder.layer.0.attention.self.distance.weight", List.of(1L), 1);
    refused(strange.toArray(), "distance.weight is not part of a BERT model");
    for (var kind : List.of("Reshape", "Sqrt", "Erf")) {
      var renamed = replace(OnnxBert.of(tiny(), true, ""), kind, "X" + kind.substring(1));
      refused(renamed, "put the model's config.json beside it");
    }
    var products = replace(OnnxBert.of(tiny(), true, ""), "MatMul", "XatMul");
    refused(products, "query.weight is missing, or used in an unknown way");
  }

  /** The same bytes with one word in place of another of its length. */
  private static byte[] replace(byte[] bytes, String word, String by) {
    var text = new String(bytes, StandardCharsets.ISO_8859_1);
    return text.replace(word, by).getBytes(StandardCharsets.ISO_8859_1);
  }

  @Test
  void sizesThatDoNotFit() {
    var empty = new OnnxBytes();
    empty.store("embeddings.word_embeddings.weight", List.of(0L, 4L));
    empty.store("encoder.layer.0.attention.self.query.bias", List.of(4L), 1, 2, 3, 4);
    refused(empty.toArray(), "tensor embeddings.word_embeddings.weight is empty");
    refused(
        new OnnxBytes().store("a", List.of(3L), 1, 2).toArray(),
        "tensor a, F32 [3], needs 12 bytes and has 8");
    refused(new OnnxBytes().store("a", List.of(-1L), 1).toArray(), "has the shape [-1]");
    var huge = List.of(1L << 30, 1L << 30, 1L << 30);
    refused(new OnnxBytes().store("a", huge, 1).toArray(), "overflow");
    refused(
        new OnnxBytes().store("a", List.of(1L), 1).store("a", List.of(1L), 1).toArray(),
        "two tensors are called a");
    refused(new ProtoBytes().integer(1, 7).toArray(), "it has 0 graphs");
    refused(new ProtoBytes().integer(1, 7).varint(7 << 3 | 2).varint(-1).toArray(), "are left");
    refused(
        new ProtoBytes()
            .integer(1, 7)
            .bytes(7, new byte[] {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1})
            .toArray(),
        "a number has no end");
    refused(new ProtoBytes().integer(1, 7).varint(3 << 3 | 3).toArray(), "unknown wire type 3");
  }
}
