package io.gatun.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.ops.Cast;
import io.gatun.kernels.ops.Nf4Quantize;
import io.gatun.quant.checkpoint.Checkpoint;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Every linear layer of the real model, decoded from GGUF and quantized, to the reference's bytes.
 */
class RealModelQuantizeTest {
  @Test
  void everyLayerHasTheReferencesBytes() throws Exception {
    var path = RealModel.file();
    var expected = new JsonMapper().readTree(Files.readAllBytes(Golden.file("smollm2/nf4.json")));
    assertEquals(210, expected.size());
    try (var device = Device.cpu();
        var arena = Arena.ofShared()) {
      var model = Checkpoint.open(path, arena);
      for (var layer : expected.properties()) {
        layer(model, device, layer.getKey() + ".weight", layer.getValue());
      }
    }
  }

  private static void layer(Checkpoint model, Device device, String name, JsonNode expected) {
    try (var arena = Arena.ofShared()) {
      var values = new WeightLoader(model, device, arena).matrix(name, DType.F32);
      assertEquals(
          expected.path("sha256_fp32_source").asString(),
          Written.sha256(bytes(values)),
          name + " as the GGUF file decodes");
      compare(quantized(values, DType.F32, arena), expected.path("fp32"), name);
      var rounded = new WeightLoader(model, device, arena).matrix(name, DType.BF16);
      var wide = Matrix.allocate(device, "wide", DType.F32, values.rows(), values.cols(), arena);
      Cast.run(rounded, wide);
      compare(quantized(wide, DType.BF16, arena), expected.path("bf16"), name);
    }
  }

  /**
   * In file order, with nested codes as the reference's native library chose them when these hashes
   * were made.
   */
  private static Band quantized(Matrix values, DType recorded, Arena arena) {
    var device = values.buffer().device();
    long n = (long) values.rows() * values.cols();
    long blocks = Math.ceilDiv(n, WeightFormat.DEFAULT_BLOCK);
    var codes = device.allocate("codes", Layout.FILE.bytes(values.rows(), values.cols()), arena);
    var scales =
        new Scales.Nested(
            device.allocate("scales", blocks, arena),
            device.allocate("scales", Math.ceilDiv(blocks, Band.NESTED_BLOCK) * 4L, arena),
            0);
    var band =
        new Band(
            Code.NF4,
            WeightFormat.DEFAULT_BLOCK,
            values.rows(),
            values.cols(),
            recorded,
            Layout.FILE,
            codes,
            scales);
    return Nf4Quantize.run(values, band, Nf4Quantize.NestedCode.BINNED);
  }

  private static void compare(Band band, JsonNode expected, String name) {
    var written = Written.of(band);
    assertEquals(expected.path("packed").asString(), Written.sha256(written.bytes("")), name);
    assertEquals(
        (float) expected.path("offset").asDouble(), ((Scales.Nested) band.scales()).offset(), name);
    assertEquals(
        expected.path("nested_absmax").asString(),
        Written.sha256(written.bytes("nested_absmax")),
        name);
    assertEquals(
        expected.path("absmax_u8").asString(), Written.sha256(written.bytes("absmax")), name);
  }

  private static byte[] bytes(Matrix matrix) {
    var bytes = MemorySegment.ofArray(new byte[matrix.rows() * matrix.cols() * 4]);
    matrix.buffer().device().download(matrix.buffer(), matrix.offset(), bytes);
    return (byte[]) bytes.heapBase().orElseThrow();
  }
}
