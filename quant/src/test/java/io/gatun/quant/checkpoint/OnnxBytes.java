package io.gatun.quant.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Builds an ONNX file: a graph of operations and stored tensors. */
final class OnnxBytes {
  static final int FLOAT = 1;
  static final int INT8 = 3;
  static final int INT64 = 7;
  static final int FLOAT16 = 10;

  private final ProtoBytes graph = new ProtoBytes();
  private int values;

  /** Stores a tensor in raw_data. */
  OnnxBytes store(String name, int type, List<Long> shape, byte[] data) {
    graph.message(5, tensor(type, shape).text(8, name).bytes(9, data));
    return this;
  }

  /** Stores any TensorProto. */
  OnnxBytes store(ProtoBytes tensor) {
    graph.message(5, tensor);
    return this;
  }

  /** Stores an fp32 tensor. */
  OnnxBytes store(String name, List<Long> shape, float... values) {
    return store(name, FLOAT, shape, little(values));
  }

  static ProtoBytes tensor(int type, List<Long> shape) {
    var tensor = new ProtoBytes().integer(2, type);
    shape.forEach(n -> tensor.integer(1, n));
    return tensor;
  }

  static byte[] little(float... values) {
    var bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  /** Adds an operation and returns the name of what it gives. */
  String node(String operator, List<String> inputs, ProtoBytes... attributes) {
    var output = operator + "_" + values++;
    node(operator, inputs, output, attributes);
    return output;
  }

  void node(String operator, List<String> inputs, String output, ProtoBytes... attributes) {
    var node = new ProtoBytes();
    inputs.forEach(input -> node.text(1, input));
    node.text(2, output).text(3, "/" + output).text(4, operator);
    for (var attribute : attributes) {
      node.message(5, attribute);
    }
    graph.message(1, node);
  }

  /** A constant of int64 in int64_data, packed. */
  String constant(long... integers) {
    var packed = new ProtoBytes();
    for (long integer : integers) {
      packed.varint(integer);
    }
    var tensor = tensor(INT64, List.of((long) integers.length)).bytes(7, packed.toArray());
    return node("Constant", List.of(), new ProtoBytes().text(1, "value").message(5, tensor));
  }

  /** A constant fp32. */
  String scalar(float real) {
    var tensor = tensor(FLOAT, List.of()).bytes(9, little(real));
    return node("Constant", List.of(), new ProtoBytes().text(1, "value").message(5, tensor));
  }

  /** The file. */
  byte[] toArray() {
    return new ProtoBytes()
        .integer(1, 7)
        .text(2, "gatun's tests")
        .message(7, graph)
        .message(8, new ProtoBytes().integer(2, 17))
        .toArray();
  }
}
