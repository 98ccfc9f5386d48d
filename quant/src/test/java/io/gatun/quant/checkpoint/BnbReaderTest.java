package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.quant.Golden;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a damaged 4-bit layer is refused for. */
class BnbReaderTest {
  private static final String WEIGHT = "model.layers.0.mlp.up_proj.weight";
  private static final String STATE = WEIGHT + ".quant_state.bitsandbytes__nf4";

  @TempDir Path folder;

  /** Opens the double-quantized golden model after a change to its tensors. */
  private Checkpoint open(Arena arena, Consumer<Map<String, TensorData>> change) {
    var original = Safetensors.open(Golden.file("qlora/bnb_nf4_dq/model.safetensors"), arena);
    var tensors = new TreeMap<String, TensorData>();
    for (var name : original.names()) {
      var info = original.info(name);
      tensors.put(
          name, TensorData.of(name, original.type(name), info.shape(), original.bytes(name)));
    }
    change.accept(tensors);
    var file = folder.resolve("model.safetensors");
    SafetensorsWriter.write(file, Map.of(), new ArrayList<>(tensors.values()));
    return Checkpoint.open(folder, arena);
  }

  private void refused(String reason, Consumer<Map<String, TensorData>> change) {
    try (var arena = Arena.ofConfined()) {
      var e = assertThrows(CheckpointException.class, () -> open(arena, change));
      assertTrue(e.getMessage().contains(reason), e.getMessage());
      assertTrue(e.getMessage().contains(WEIGHT), e.getMessage());
    }
  }

  private static TensorData bytes(String name, TensorType type, byte[] bytes) {
    long length = bytes.length * 8L / type.bits();
    return TensorData.of(name, type, List.of(length), MemorySegment.ofArray(bytes));
  }

  private static byte[] content(TensorData tensor) {
    var bytes = new ArrayList<byte[]>();
    tensor.content().writeTo(piece -> bytes.add(piece.toArray(ValueLayout.JAVA_BYTE)));
    return bytes.getFirst();
  }

  private void refusedState(String reason, String from, String to) {
    refused(
        reason,
        tensors -> {
          var text = new String(content(tensors.get(STATE)), StandardCharsets.UTF_8);
          assertTrue(text.contains(from), text);
          var changed = text.replace(from, to).getBytes(StandardCharsets.UTF_8);
          tensors.put(STATE, bytes(STATE, TensorType.U8, changed));
        });
  }

  private void refusedPart(String reason, String part, TensorType type, int length) {
    var name = WEIGHT + part;
    refused(reason, t -> t.put(name, bytes(name, type, new byte[length])));
  }

  @Test
  void opensUnchanged() {
    try (var arena = Arena.ofConfined()) {
      var layer = open(arena, t -> {}).fourBit(WEIGHT).orElseThrow();
      assertEquals(List.of(112, 64), List.of(layer.rows(), layer.cols()));
      assertEquals(DType.F32, layer.recordedDtype());
      assertEquals(64, layer.blockSize());
      // The same bytes in a wider storage type are the same codes.
      var wide =
          open(arena, t -> t.put(WEIGHT, bytes(WEIGHT, TensorType.BF16, content(t.get(WEIGHT)))));
      assertEquals(-1, wide.fourBit(WEIGHT).orElseThrow().codes().mismatch(layer.codes()));
    }
  }

  @Test
  void badStates() {
    refusedState("not JSON", "{", "[[");
    refused(
        "not a JSON object", t -> t.put(STATE, bytes(STATE, TensorType.U8, new byte[] {'[', ']'})));
    refusedState("quant_type", "\"nf4\"", "\"fp4\"");
    refusedState("blocksize is 63", "\"blocksize\": 64", "\"blocksize\": 63");
    refusedState("blocksize", "\"blocksize\"", "\"x\"");
    refusedState("dtype is \"int8\"", "\"dtype\": \"float32\"", "\"dtype\": \"int8\"");
    refusedState("shape is", "[112, 64]", "[112, 64.0]");
    refusedState("shape is", "[112, 64]", "[-112, -64]");
    refusedState("shape is", "[112, 64]", "[112, 64, 1]");
    refusedState("shape is", "[112, 64]", "[4294967408, 64]");
    refusedState("are needed", "[112, 64]", "[112, 65]");
    refusedState("are needed", "[112, 64]", "[2147483647, 2147483647]");
    refusedState("nested_blocksize is 128", "256", "128");
    refusedState("nested_dtype", "\"nested_dtype\": \"float32\"", "\"nested_dtype\": \"float16\"");
    refusedState("nested_offset", "\"nested_offset\": ", "\"nested_offset\": 1e999, \"x\": ");
    refusedState("only some of the parts", "\"nested_offset\"", "\"x\"");
  }

  @Test
  void badParts() {
    refusedPart("unknown part surprise", ".surprise", TensorType.U8, 1);
    refusedPart("2 quant states", ".quant_state.bitsandbytes__fp4", TensorType.U8, 2);
    refusedPart("are needed", ".absmax", TensorType.U8, 111);
    refusedPart("is F32, not U8", ".absmax", TensorType.F32, 448);
    refusedPart("are needed", ".nested_absmax", TensorType.F32, 8);
    refusedPart("not the standard table", ".quant_map", TensorType.F32, 64);
    refusedPart("not the standard table", ".nested_quant_map", TensorType.F32, 1024);
    refusedPart("are needed", "", TensorType.U8, 3583);
    for (var part : List.of("", ".absmax", ".quant_map")) {
      refused("is missing", t -> t.remove(WEIGHT + part));
    }
    refused("only some of the parts", t -> t.remove(WEIGHT + ".nested_quant_map"));
    refused(
        "neither nf4 nor fp4",
        t -> {
          var name = STATE.replace("nf4", "int4");
          t.put(name, bytes(name, TensorType.U8, content(t.remove(STATE))));
        });
  }

  @Test
  void everyProblemAtOnce() {
    try (var arena = Arena.ofConfined()) {
      var e =
          assertThrows(
              CheckpointException.class,
              () -> open(arena, t -> t.keySet().removeIf(n -> n.endsWith("nested_absmax"))));
      assertEquals(14, e.problems().size());
    }
  }
}
