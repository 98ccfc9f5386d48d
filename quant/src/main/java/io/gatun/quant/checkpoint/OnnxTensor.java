package io.gatun.quant.checkpoint;

import io.gatun.quant.checkpoint.ProtoCursor.Rejected;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * A tensor as an ONNX file stores it.
 *
 * @param name its name; empty inside a node
 * @param type ONNX's number of the element type
 * @param shape its dimensions, the slowest first
 * @param data its bytes in order, little-endian; empty if they are of a kind that is not read
 * @param elsewhere whether the bytes are in another file
 */
record OnnxTensor(String name, int type, List<Long> shape, MemorySegment data, boolean elsewhere) {
  private static final int MAX_NAME = 1024;
  private static final int MAX_DIMENSIONS = 16;
  private static final int MAX_INTEGERS = 1 << 16;
  private static final MemorySegment NONE = MemorySegment.ofArray(new byte[0]);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Reads a TensorProto; where its bytes are here, they are as many as its shape says. */
  static OnnxTensor read(ProtoCursor in) throws Rejected {
    var name = "";
    long type = 0;
    var shape = new ArrayList<Long>();
    var data = NONE;
    boolean elsewhere = false;
    while (in.next()) {
      switch (in.field()) {
        case 1 -> in.integers(shape, MAX_DIMENSIONS);
        case 2 -> type = in.integer();
        case 4, 9, 10 -> data = in.bytes(); // float_data, raw_data, double_data
        case 7 -> data = longs(in);
        case 8 -> name = in.text(MAX_NAME);
        case 14 -> elsewhere = in.integer() == 1;
        default -> in.skip();
      }
    }
    var tensor = new OnnxTensor(name, (int) type, List.copyOf(shape), data, elsewhere);
    tensor.checkSize();
    return tensor;
  }

  /** The values of int64_data, each as long as it needs, as eight bytes each. */
  private static MemorySegment longs(ProtoCursor in) throws Rejected {
    var values = new ArrayList<Long>();
    in.integers(values, MAX_INTEGERS);
    var data = MemorySegment.ofArray(new byte[values.size() * Long.BYTES]);
    for (int i = 0; i < values.size(); i++) {
      data.set(LONG, (long) i * Long.BYTES, values.get(i));
    }
    return data;
  }

  private void checkSize() throws Rejected {
    var encoding = encoding();
    if (encoding.isEmpty() || elsewhere) {
      return;
    }
    long bytes = encoding.get().bytes;
    for (long n : shape) {
      if (n < 0 || n > Integer.MAX_VALUE) {
        throw new Rejected("tensor %s has the shape %s".formatted(name, shape));
      }
      bytes = Math.multiplyExact(bytes, n);
    }
    if (bytes != data.byteSize()) {
      throw new Rejected(
          "tensor %s, %s %s, needs %d bytes and has %d"
              .formatted(name, encoding.get(), shape, bytes, data.byteSize()));
    }
  }

  /** How its values are stored, if they are real numbers. */
  Optional<Encoding> encoding() {
    return switch (type) {
      case 1 -> Optional.of(Encoding.F32);
      case 10 -> Optional.of(Encoding.F16);
      case 11 -> Optional.of(Encoding.F64);
      case 16 -> Optional.of(Encoding.BF16);
      default -> Optional.empty();
    };
  }

  /** Whether its values are integers of 4 or 8 bits, as those of quantized weights are. */
  boolean isQuantized() {
    return type == 2 || type == 3 || type == 21 || type == 22;
  }

  /** The values of a list of int64; empty if it is something else. */
  List<Long> integers() {
    boolean list = type == 7 && data.byteSize() <= MAX_DIMENSIONS * Long.BYTES;
    var values = new ArrayList<Long>();
    for (long at = 0; list && at + Long.BYTES <= data.byteSize(); at += Long.BYTES) {
      values.add(data.get(LONG, at));
    }
    return values;
  }

  /** The value of a tensor that has one; a number of an fp32 as its shortest decimal. */
  OptionalDouble scalar() {
    if (encoding().isEmpty() || data.byteSize() != encoding().get().bytes) {
      return OptionalDouble.empty();
    }
    var value = new float[1];
    encoding().get().decode(data.toArray(ValueLayout.JAVA_BYTE), 0, value, 0, 1);
    return OptionalDouble.of(Double.parseDouble(Float.toString(value[0])));
  }
}
