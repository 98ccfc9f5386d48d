package io.gatun.quant.checkpoint;

import io.gatun.quant.checkpoint.ProtoCursor.Rejected;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An operation of an ONNX graph.
 *
 * @param operator its name, such as MatMul
 * @param inputs names of values; an optional one that is left out is empty
 * @param outputs names of values
 * @param attributes by name
 */
record OnnxNode(
    String operator, List<String> inputs, List<String> outputs, Map<String, Attribute> attributes) {
  private static final int MAX_NAME = 1024;
  private static final int MAX_VALUES = 10_000;
  private static final int MAX_LISTED = 64;

  /** An attribute: whichever of these it has. */
  record Attribute(
      long integer, float real, String text, List<Long> integers, Optional<OnnxTensor> tensor) {}

  /** Reads a NodeProto; graphs inside it are left out. */
  static OnnxNode read(ProtoCursor in) throws Rejected {
    var operator = "";
    var inputs = new ArrayList<String>();
    var outputs = new ArrayList<String>();
    var attributes = new HashMap<String, Attribute>();
    while (in.next()) {
      switch (in.field()) {
        case 1 -> inputs.add(in.text(MAX_NAME));
        case 2 -> outputs.add(in.text(MAX_NAME));
        case 4 -> operator = in.text(MAX_NAME);
        case 5 -> attribute(in.message(), attributes);
        default -> in.skip();
      }
      if (inputs.size() + outputs.size() + attributes.size() > MAX_VALUES) {
        throw new Rejected("an operation has more than %d values".formatted(MAX_VALUES));
      }
    }
    return new OnnxNode(operator, List.copyOf(inputs), List.copyOf(outputs), attributes);
  }

  private static void attribute(ProtoCursor in, Map<String, Attribute> to) throws Rejected {
    var name = "";
    long integer = 0;
    float real = 0;
    var text = "";
    var integers = new ArrayList<Long>();
    Optional<OnnxTensor> tensor = Optional.empty();
    while (in.next()) {
      switch (in.field()) {
        case 1 -> name = in.text(MAX_NAME);
        case 2 -> real = in.real();
        case 3 -> integer = in.integer();
        case 4 -> {
          var bytes = in.bytes();
          var start = bytes.asSlice(0, Math.min(MAX_LISTED, bytes.byteSize()));
          text = new String(start.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.ISO_8859_1);
        }
        case 5 -> tensor = Optional.of(OnnxTensor.read(in.message()));
        case 8 -> in.integers(integers, MAX_VALUES);
        default -> in.skip();
      }
    }
    to.put(name, new Attribute(integer, real, text, List.copyOf(integers), tensor));
  }

  /** The input of a place, empty if there is none. */
  String input(int index) {
    return index < inputs.size() ? inputs.get(index) : "";
  }

  /** The first output, empty if there is none. */
  String output() {
    return outputs.isEmpty() ? "" : outputs.getFirst();
  }

  /** An attribute that is an integer. */
  long integer(String name, long absent) {
    var attribute = attributes.get(name);
    return attribute == null ? absent : attribute.integer();
  }

  /** An attribute that is a number. */
  float real(String name, float absent) {
    var attribute = attributes.get(name);
    return attribute == null ? absent : attribute.real();
  }

  /** An attribute that is a text. */
  String text(String name, String absent) {
    var attribute = attributes.get(name);
    return attribute == null ? absent : attribute.text();
  }
}
