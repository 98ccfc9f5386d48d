package io.gatun.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.ops.Nf4Dequantize;
import io.gatun.kernels.ops.Nf4Quantize.NestedCode;
import io.gatun.quant.checkpoint.Checkpoint;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Quantized by the loader from the golden inputs, on every variant that this machine has. */
class QuantizeGoldenTest {
  private static final JsonMapper JSON = new JsonMapper();

  /** Smaller maxima stand for blocks of zeros in the tail, where the reference stores this. */
  private static final float ZERO_TAIL = 1e-38f;

  @Test
  void codesScalesAndValues() {
    for (var variant : Device.CpuVariant.available()) {
      try (var device = Device.cpu(2, variant)) {
        Golden.files("quant", "nf4_fp4*.safetensors").run(c -> file(c, device));
      }
    }
  }

  private static void file(Golden.Case c, Device device) throws Exception {
    var cases = c.path().resolveSibling(c.name() + ".json");
    try (var arena = Arena.ofConfined()) {
      var file = Checkpoint.open(c.path(), arena);
      var all = JSON.readTree(Files.readAllBytes(cases)).properties();
      assertFalse(all.isEmpty());
      for (var e : all) {
        var code = Code.valueOf(e.getValue().path("kind").asString().equals("nf4") ? "NF4" : "FP4");
        int blockSize = e.getValue().path("blocksize").asInt();
        new Comparison(file, device, e.getKey(), code, blockSize).run();
      }
    }
  }

  /** One input with one code and block size, such as tail_130.bfloat16.nf4.bs64. */
  private record Comparison(Checkpoint file, Device device, String key, Code code, int blockSize) {

    void run() {
      try (var arena = Arena.ofConfined()) {
        plain(band(false, arena));
        if (file.names().contains(key + ".dq.absmax_u8")) {
          nested(band(true, arena));
        }
      }
    }

    private Nf4Matrix band(boolean doubleQuant, Arena arena) {
      var input = key.substring(0, key.indexOf('.', key.indexOf('.') + 1)) + ".input";
      var format = new WeightFormat.FourBit(code, blockSize, doubleQuant);
      try (var loader = new WeightLoader(file, device, arena)) {
        return (Nf4Matrix) loader.weight(List.of(input), format);
      }
    }

    private void plain(Nf4Matrix weight) {
      var written = Written.of(weight.bands().getFirst());
      var byCudaRules = key + ".packed_cuda_rules";
      boolean other = code == Code.FP4 && file.names().contains(byCudaRules);
      assertArrayEquals(raw(other ? byCudaRules : key + ".packed"), written.bytes(""), key);
      scales(".absmax", written.floats("absmax"));
      values(weight, ".dequant", other);
    }

    private void scales(String part, float[] actual) {
      var expected = file.readFloats(key + part);
      for (int i = 0; i < expected.length; i++) {
        boolean zeros = actual[i] == 0 && expected[i] <= ZERO_TAIL;
        assertTrue(zeros || actual[i] == expected[i], key + part + " at " + i);
      }
    }

    private void nested(Nf4Matrix weight) {
      var written = Written.of(weight.bands().getFirst());
      assertArrayEquals(raw(key + ".dq.absmax_u8"), written.bytes("absmax"), key);
      scales(".dq.nested_absmax", written.floats("nested_absmax"));
      float expected = file.readFloats(key + ".dq.offset")[0];
      float actual = ((Scales.Nested) weight.bands().getFirst().scales()).offset();
      assertEquals(
          expected, actual, Golden.tolerance("quant.offset.ulps") * Math.ulp(expected), key);
      boolean other = file.names().contains(key + ".packed_cuda_rules");
      values(weight, ".dq.dequant", other);
    }

    /**
     * Equal as numbers: the reference decodes the codes of its own FP4 rules, which differ in the
     * sign of zero, and, where {@code otherCodes}, at ties.
     */
    private void values(Nf4Matrix weight, String part, boolean otherCodes) {
      var expected = file.readFloats(key + part);
      try (var arena = Arena.ofConfined()) {
        var matrix =
            Matrix.allocate(device, "values", DType.F32, weight.rows(), weight.cols(), arena);
        Nf4Dequantize.run(weight, matrix);
        var actual = HostCopy.readFloats(matrix);
        for (int i = 0; i < expected.length; i++) {
          boolean tail = actual[i] == 0 && Math.abs(expected[i]) <= ZERO_TAIL;
          boolean same = tail || otherCodes || actual[i] == expected[i];
          assertTrue(same, key + part + " at " + i + ": " + expected[i] + ", " + actual[i]);
        }
      }
    }

    private byte[] raw(String name) {
      return file.raw(name).orElseThrow().toArray(ValueLayout.JAVA_BYTE);
    }
  }

  /**
   * The real model from GGUF to tiles and back to the file order of a checkpoint, with the nested
   * codes of bitsandbytes' native CPU library, on which the golden numbers were made.
   */
  @Test
  void theRealModelThroughTheLoader() throws Exception {
    var path = RealModel.file();
    var layers = JSON.readTree(Files.readAllBytes(Golden.file("smollm2/nf4.json")));
    var format =
        new WeightFormat.FourBit(Code.NF4, WeightFormat.DEFAULT_BLOCK, true, NestedCode.BINNED);
    try (var device = Device.cpu();
        var arena = Arena.ofShared();
        var loader = new WeightLoader(Checkpoint.open(path, arena), device, arena)) {
      for (var layer : layers.properties()) {
        var weight = loader.weight(List.of(layer.getKey() + ".weight"), format);
        var band = ((Nf4Matrix) weight).bands().getFirst();
        var nested = assertInstanceOf(Scales.Nested.class, band.scales());
        var written = Written.of(band);
        var expected = layer.getValue().path("fp32");
        assertEquals(DType.F32, band.recordedDtype());
        assertEquals((float) expected.path("offset").asDouble(), nested.offset());
        hash(expected.path("packed"), written.bytes(""));
        hash(expected.path("absmax_u8"), written.bytes("absmax"));
        hash(expected.path("nested_absmax"), written.bytes("nested_absmax"));
      }
    }
  }

  private static void hash(JsonNode expected, byte[] bytes) {
    assertEquals(expected.asString(), Written.sha256(bytes));
  }
}
