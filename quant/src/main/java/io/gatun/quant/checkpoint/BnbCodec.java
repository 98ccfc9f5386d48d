package io.gatun.quant.checkpoint;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.ops.Nf4Repack;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes 4-bit weights as bitsandbytes checkpoints store them: codes, scales, tables and a JSON
 * state for each weight, and {@code quantization_config} in config.json. {@link Checkpoint} reads
 * them.
 */
public final class BnbCodec {
  private static final int PIECE = 1 << 20;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private BnbCodec() {}

  /**
   * The tensors that store a weight as it was read.
   *
   * @param name of the weight, such as model.layers.0.mlp.up_proj.weight
   * @param weight read from a checkpoint whose arena is open until the tensors are written
   * @return its codes, scales, tables and state
   */
  public static List<TensorData> tensors(String name, BnbTensor weight) {
    var parts = new Parts(name, weight.code(), weight.blockSize(), weight.rows(), weight.cols());
    parts.codes(sink -> sink.accept(weight.codes()));
    switch (weight.scales()) {
      case BnbTensor.Scales.Plain p -> {
        parts.plain(sink -> sink.accept(p.absmax()));
        parts.state(weight.recordedDtype(), "");
      }
      case BnbTensor.Scales.Nested n -> {
        parts.nested(sink -> sink.accept(n.codes()), sink -> sink.accept(n.absmax()));
        parts.state(weight.recordedDtype(), nestedState(n.offset()));
      }
    }
    return parts.tensors;
  }

  /**
   * The tensors that store a weight of a device. They are downloaded when they are written; codes
   * in another order than the file's are put in order first.
   *
   * @param name of the weight, such as model.layers.0.mlp.up_proj.weight
   * @param band of one tensor; a fused weight has several, which are stored under their own names
   * @return its codes, scales, tables and state
   */
  public static List<TensorData> tensors(String name, Band band) {
    var parts = new Parts(name, band.code(), band.blockSize(), band.rows(), band.cols());
    parts.codes(sink -> downloadCodes(band, parts.codeBytes(), sink));
    switch (band.scales()) {
      case Scales.Plain p -> {
        parts.plain(sink -> download(p.absmax(), 4 * parts.blocks, sink));
        parts.state(band.recordedDtype(), "");
      }
      case Scales.Nested n -> {
        parts.nested(
            sink -> download(n.codes(), parts.blocks, sink),
            sink -> download(n.absmax(), 4 * parts.groups(), sink));
        parts.state(band.recordedDtype(), nestedState(n.offset()));
      }
    }
    return parts.tensors;
  }

  /**
   * A config.json that says that its linear layers are quantized.
   *
   * @param config the model's, not changed
   * @param code of the layers
   * @param doubleQuant whether their scales are nested
   * @param compute the type that readers are to compute in
   * @return a copy with {@code quantization_config}
   */
  public static ObjectNode config(JsonNode config, Code code, boolean doubleQuant, DType compute) {
    var copy = (ObjectNode) config.deepCopy();
    var section = copy.putObject("quantization_config");
    for (var prefix : List.of("_", "")) {
      section.put(prefix + "load_in_4bit", true).put(prefix + "load_in_8bit", false);
    }
    section.put("quant_method", "bitsandbytes").put("bnb_4bit_quant_storage", "uint8");
    section.put("bnb_4bit_quant_type", typeName(code)).put("bnb_4bit_compute_dtype", name(compute));
    section.put("bnb_4bit_use_double_quant", doubleQuant);
    section.putNull("llm_int8_skip_modules").put("llm_int8_threshold", 6.0);
    section.put("llm_int8_enable_fp32_cpu_offload", false).put("llm_int8_has_fp16_weight", false);
    return copy;
  }

  /** Collects the tensors of one weight. */
  private static final class Parts {
    private final String name;
    private final Code code;
    private final int blockSize;
    private final int rows;
    private final int cols;
    private final long blocks;
    private final List<TensorData> tensors = new ArrayList<>();

    Parts(String name, Code code, int blockSize, int rows, int cols) {
      this.name = name;
      this.code = code;
      this.blockSize = blockSize;
      this.rows = rows;
      this.cols = cols;
      this.blocks = BnbTensor.blocks((long) rows * cols, blockSize);
    }

    long codeBytes() {
      return Math.ceilDiv((long) rows * cols, 2);
    }

    long groups() {
      return BnbTensor.blocks(blocks, BnbTensor.NESTED_BLOCK);
    }

    void codes(TensorData.Content content) {
      tensors.add(new TensorData(name, TensorType.U8, List.of(codeBytes(), 1L), content));
      add("quant_map", TensorType.F32, 16, table(CodeTables.of(code)));
    }

    void plain(TensorData.Content absmax) {
      add("absmax", TensorType.F32, blocks, absmax);
    }

    void nested(TensorData.Content codes, TensorData.Content absmax) {
      add("absmax", TensorType.U8, blocks, codes);
      add("nested_absmax", TensorType.F32, groups(), absmax);
      add("nested_quant_map", TensorType.F32, 256, table(CodeTables.signedDynamic()));
    }

    void state(DType recorded, String nested) {
      var json =
          "{\"quant_type\": \"%s\", \"blocksize\": %d, \"dtype\": \"%s\", \"shape\": [%d, %d]%s}"
              .formatted(typeName(code), blockSize, name(recorded), rows, cols, nested);
      var bytes = json.getBytes(StandardCharsets.UTF_8);
      var part = BnbReader.STATE.substring(1) + typeName(code);
      add(part, TensorType.U8, bytes.length, s -> s.accept(MemorySegment.ofArray(bytes)));
    }

    private void add(String part, TensorType type, long length, TensorData.Content content) {
      tensors.add(new TensorData(name + "." + part, type, List.of(length), content));
    }
  }

  private static TensorData.Content table(float[] values) {
    var bytes = MemorySegment.ofArray(new byte[values.length * Float.BYTES]);
    MemorySegment.copy(values, 0, bytes, FLOAT, 0, values.length);
    return sink -> sink.accept(bytes);
  }

  private static void downloadCodes(Band band, long bytes, TensorData.Sink sink) {
    if (band.layout() == Layout.FILE) {
      download(band.codes(), bytes, sink);
      return;
    }
    var device = band.codes().device();
    try (var arena = Arena.ofConfined()) {
      var codes = device.allocate("4-bit codes in file order", bytes, arena);
      Nf4Repack.run(band, withCodes(band, codes));
      download(codes, bytes, sink);
    }
  }

  private static Band withCodes(Band b, Buffer codes) {
    return new Band(
        b.code(),
        b.blockSize(),
        b.rows(),
        b.cols(),
        b.recordedDtype(),
        Layout.FILE,
        codes,
        b.scales());
  }

  private static void download(Buffer buffer, long bytes, TensorData.Sink sink) {
    Device device = buffer.device();
    try (var arena = Arena.ofConfined()) {
      var piece = arena.allocate(Math.max(1, Math.min(PIECE, bytes)));
      for (long at = 0; at < bytes; at += piece.byteSize()) {
        var part = piece.asSlice(0, Math.min(piece.byteSize(), bytes - at));
        device.download(buffer, at, part);
        sink.accept(part);
      }
    }
  }

  private static String nestedState(float offset) {
    return ", \"nested_blocksize\": 256, \"nested_dtype\": \"float32\", \"nested_offset\": "
        + pythonText(offset);
  }

  /** A double as Python's repr prints it: exponents below -4 and from 16 on, of two digits. */
  static String pythonText(double value) {
    var decimal = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    int exponent = decimal.precision() - decimal.scale() - 1;
    if (value == 0 || (exponent >= -4 && exponent < 16)) {
      var plain = decimal.toPlainString();
      return plain.contains(".") ? plain : plain + ".0";
    }
    var digits = decimal.unscaledValue().abs().toString();
    var mantissa = digits.length() == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
    return "%s%se%s%02d"
        .formatted(value < 0 ? "-" : "", mantissa, exponent < 0 ? "-" : "+", Math.abs(exponent));
  }

  private static String typeName(Code code) {
    return code.name().toLowerCase(Locale.ROOT);
  }

  private static String name(DType dtype) {
    return switch (dtype) {
      case F32 -> "float32";
      case F16 -> "float16";
      case BF16 -> "bfloat16";
    };
  }
}
