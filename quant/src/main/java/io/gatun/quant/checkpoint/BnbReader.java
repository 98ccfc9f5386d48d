package io.gatun.quant.checkpoint;

import io.gatun.kernels.DType;
import io.gatun.kernels.Nf4Matrix.Code;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Recognises the 4-bit layers among the tensors of a checkpoint, by their quant_state, and takes
 * them out: weight, scales, tables and state become one {@link BnbTensor}.
 */
final class BnbReader {
  static final String STATE = ".quant_state.bitsandbytes__";
  private static final Set<Integer> BLOCK_SIZES = Set.of(32, 64, 128, 256, 512, 1024, 2048, 4096);
  private static final Set<String> PARTS =
      Set.of("absmax", "quant_map", "nested_absmax", "nested_quant_map");
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final JsonMapper JSON = new JsonMapper();

  private final NavigableMap<String, StoredTensor> tensors;
  private final List<String> problems;

  /** Reads from, and removes from, {@code tensors}; what is wrong goes to {@code problems}. */
  BnbReader(NavigableMap<String, StoredTensor> tensors, List<String> problems) {
    this.tensors = tensors;
    this.problems = problems;
  }

  /** A broken rule. */
  private static final class Rejected extends Exception {
    private static final long serialVersionUID = 1L;

    Rejected(String rule) {
      super(rule);
    }
  }

  /** The 4-bit layers, by the name of their weight, put into {@code layers}. */
  void takeAll(Map<String, BnbTensor> layers) {
    for (var weight : weights()) {
      // every name that starts with the weight's and a dot, which '/' follows
      var parts = new TreeSet<>(tensors.subMap(weight + ".", weight + "/").keySet());
      try {
        layers.put(weight, read(weight, parts));
      } catch (Rejected e) {
        problems.add("4-bit layer " + weight + ": " + e.getMessage());
      }
      tensors.keySet().removeAll(parts);
      tensors.remove(weight);
    }
  }

  private Set<String> weights() {
    var weights = new TreeSet<String>();
    for (var name : tensors.keySet()) {
      int at = name.indexOf(STATE);
      if (at > 0) {
        weights.add(name.substring(0, at));
      }
    }
    return weights;
  }

  private BnbTensor read(String weight, Set<String> parts) throws Rejected {
    var states = parts.stream().filter(p -> p.startsWith(weight + STATE)).toList();
    if (states.size() != 1) {
      throw new Rejected("has " + states.size() + " quant states, not one");
    }
    for (var part : parts) {
      var name = part.substring(weight.length() + 1);
      if (!PARTS.contains(name) && !part.equals(states.getFirst())) {
        throw new Rejected("has an unknown part " + name);
      }
    }
    var state = state(states.getFirst());
    var type = states.getFirst().substring((weight + STATE).length());
    var code = code(type);
    if (!state.path("quant_type").asString("").equals(type)) {
      throw new Rejected("its state says quant_type " + state.path("quant_type") + ", not " + type);
    }
    int blockSize = state.path("blocksize").asInt(0);
    if (!BLOCK_SIZES.contains(blockSize)) {
      throw new Rejected("its blocksize is " + state.path("blocksize"));
    }
    table(weight + ".quant_map", CodeTables.of(code));
    var shape = shape(state.path("shape"));
    long elements = Math.multiplyExact((long) shape.get(0), shape.get(1));
    var codes = part(weight);
    checkBytes(weight, codes, Math.ceilDiv(elements, 2), codes.type().bits() / 8);
    return new BnbTensor(
        code,
        blockSize,
        shape.get(0),
        shape.get(1),
        dtype(state.path("dtype")),
        codes.bytes().asSlice(0, Math.ceilDiv(elements, 2)),
        scales(weight, state, BnbTensor.blocks(elements, blockSize)));
  }

  private BnbTensor.Scales scales(String weight, JsonNode state, long blocks) throws Rejected {
    var nestedParts = List.of(weight + ".nested_absmax", weight + ".nested_quant_map");
    var nestedKeys = List.of("nested_blocksize", "nested_dtype", "nested_offset");
    long present =
        nestedParts.stream().filter(tensors::containsKey).count()
            + nestedKeys.stream().filter(state::has).count();
    var absmax = part(weight + ".absmax");
    if (present == 0) {
      check(weight + ".absmax", absmax, TensorType.F32, blocks);
      return new BnbTensor.Scales.Plain(absmax.bytes());
    }
    if (present != nestedParts.size() + nestedKeys.size()) {
      throw new Rejected("has only some of the parts of double quantization");
    }
    check(weight + ".absmax", absmax, TensorType.U8, blocks);
    var nested = part(weight + ".nested_absmax");
    long groups = BnbTensor.blocks(blocks, BnbTensor.NESTED_BLOCK);
    check(weight + ".nested_absmax", nested, TensorType.F32, groups);
    table(weight + ".nested_quant_map", CodeTables.signedDynamic());
    if (state.path("nested_blocksize").asInt(0) != BnbTensor.NESTED_BLOCK) {
      throw new Rejected("its nested_blocksize is " + state.path("nested_blocksize") + ", not 256");
    }
    if (!state.path("nested_dtype").asString("").equals("float32")) {
      throw new Rejected("its nested_dtype is " + state.path("nested_dtype") + ", not float32");
    }
    var offset = state.path("nested_offset");
    if (!offset.isNumber() || !Float.isFinite((float) offset.asDouble())) {
      throw new Rejected("its nested_offset is " + offset + ", not a finite number");
    }
    return new BnbTensor.Scales.Nested(absmax.bytes(), nested.bytes(), (float) offset.asDouble());
  }

  private JsonNode state(String name) throws Rejected {
    try {
      var node = JSON.readTree(part(name).bytes().toArray(ValueLayout.JAVA_BYTE));
      if (!node.isObject()) {
        throw new Rejected("its state is not a JSON object");
      }
      return node;
    } catch (JacksonException e) {
      throw new Rejected("its state is not JSON: " + Sentences.of(e));
    }
  }

  private static Code code(String type) throws Rejected {
    return switch (type) {
      case "nf4" -> Code.NF4;
      case "fp4" -> Code.FP4;
      default -> throw new Rejected("its type is " + type + ", neither nf4 nor fp4");
    };
  }

  private static DType dtype(JsonNode dtype) throws Rejected {
    return switch (dtype.asString("")) {
      case "float32" -> DType.F32;
      case "float16" -> DType.F16;
      case "bfloat16" -> DType.BF16;
      default -> throw new Rejected("its dtype is " + dtype);
    };
  }

  private static List<Integer> shape(JsonNode shape) throws Rejected {
    var dims = new ArrayList<Integer>();
    for (var dim : shape) {
      boolean valid = dim.isIntegralNumber() && dim.canConvertToInt() && dim.asInt() > 0;
      if (valid) {
        dims.add(dim.asInt());
      }
    }
    if (!shape.isArray() || dims.size() != 2 || shape.size() != 2) {
      throw new Rejected("its shape is " + shape + ", not two positive integers");
    }
    return dims;
  }

  private void table(String name, float[] expected) throws Rejected {
    var table = part(name);
    check(name, table, TensorType.F32, expected.length);
    if (!CodeTables.sameBits(table.bytes().toArray(FLOAT), expected)) {
      throw new Rejected(name + " is not the standard table");
    }
  }

  private StoredTensor part(String name) throws Rejected {
    return Optional.ofNullable(tensors.get(name))
        .orElseThrow(() -> new Rejected("the part " + name + " is missing"));
  }

  private static void check(String name, StoredTensor part, TensorType type, long elements)
      throws Rejected {
    if (part.type() != type) {
      throw new Rejected("%s is %s, not %s".formatted(name, part.type(), type));
    }
    checkBytes(name, part, elements * (type.bits() / 8), 1);
  }

  /** Refuses other sizes; a storage type may round the bytes up to its own size. */
  private static void checkBytes(String name, StoredTensor part, long bytes, int unit)
      throws Rejected {
    long found = part.bytes().byteSize();
    if (unit == 0 || found != Math.ceilDiv(bytes, (long) unit) * unit) {
      throw new Rejected("%s has %d bytes, %d are needed".formatted(name, found, bytes));
    }
  }
}
