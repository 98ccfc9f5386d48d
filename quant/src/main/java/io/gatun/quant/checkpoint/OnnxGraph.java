package io.gatun.quant.checkpoint;

import io.gatun.quant.checkpoint.ProtoCursor.Rejected;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * The graph of an ONNX file, read whole and validated: its operations, its stored tensors, and
 * which operation makes and takes which value. Graphs inside operations are not looked at.
 */
final class OnnxGraph {
  private static final int MAX_PARTS = 200_000; // operations or tensors; large models have 10,000
  private static final int MAX_VERSION = 100;

  private final Map<String, OnnxTensor> stored = new LinkedHashMap<>();
  private final List<OnnxNode> nodes = new ArrayList<>();
  private final Map<String, Operand> constants = new HashMap<>();
  private final Map<String, OnnxNode> producers = new HashMap<>();
  private final Map<String, List<OnnxNode>> consumers = new HashMap<>();

  /**
   * A tensor that an operation takes.
   *
   * @param tensor as it is stored
   * @param turned whether rows and columns change places first
   */
  record Operand(OnnxTensor tensor, boolean turned) {}

  private OnnxGraph() {}

  /** Parses and validates a file. */
  static OnnxGraph parse(Path file, MemorySegment bytes) {
    try {
      var graph = new OnnxGraph();
      graph.model(new ProtoCursor(bytes));
      graph.connect();
      return graph;
    } catch (Rejected e) {
      throw new CheckpointException(file, "is no ONNX model, or cut short: " + e.rule);
    } catch (ArithmeticException _) {
      throw new CheckpointException(file, "is no ONNX model: the sizes of its tensors overflow");
    }
  }

  private void model(ProtoCursor in) throws Rejected {
    long version = 0;
    int graphs = 0;
    while (in.next()) {
      switch (in.field()) {
        case 1 -> version = in.integer();
        case 7 -> {
          graphs++;
          graph(in.message());
        }
        default -> in.skip();
      }
    }
    if (version < 1 || version > MAX_VERSION || graphs != 1) {
      throw new Rejected(
          "the version of its format is %d, and it has %d graphs".formatted(version, graphs));
    }
  }

  private void graph(ProtoCursor in) throws Rejected {
    while (in.next()) {
      switch (in.field()) {
        case 1 -> nodes.add(OnnxNode.read(in.message()));
        case 5 -> {
          var tensor = OnnxTensor.read(in.message());
          if (stored.putIfAbsent(tensor.name(), tensor) != null) {
            throw new Rejected("two tensors are called " + tensor.name());
          }
        }
        default -> in.skip();
      }
      if (nodes.size() > MAX_PARTS || stored.size() > MAX_PARTS) {
        throw new Rejected("it has more than %d parts".formatted(MAX_PARTS));
      }
    }
  }

  private void connect() {
    stored.forEach((name, tensor) -> constants.put(name, new Operand(tensor, false)));
    for (var node : nodes) {
      node.outputs().forEach(output -> producers.putIfAbsent(output, node));
      for (var input : Set.copyOf(node.inputs())) {
        consumers.computeIfAbsent(input, _ -> new ArrayList<>()).add(node);
      }
      fold(node).ifPresent(operand -> constants.putIfAbsent(node.output(), operand));
    }
  }

  /** What an operation gives whose result is known without running the model. */
  private Optional<Operand> fold(OnnxNode node) {
    return switch (node.operator()) {
      case "Constant" ->
          Optional.ofNullable(node.attributes().get("value"))
              .flatMap(OnnxNode.Attribute::tensor)
              .map(tensor -> new Operand(tensor, false));
      case "Identity" -> constant(node.input(0));
      case "Transpose" ->
          constant(node.input(0))
              .filter(operand -> operand.tensor().shape().size() == 2)
              .map(operand -> new Operand(operand.tensor(), operand.turned() ^ isTurn(node)));
      default -> Optional.empty();
    };
  }

  /** Whether a Transpose of a matrix turns it over: it does without a permutation. */
  private static boolean isTurn(OnnxNode node) {
    var order = node.attributes().get("perm");
    return order == null || order.integers().equals(List.of(1L, 0L));
  }

  /** The tensors that the file stores beside its graph, by name. */
  Map<String, OnnxTensor> stored() {
    return stored;
  }

  /** Every operation, in the order of the file, which is that of execution. */
  List<OnnxNode> nodes() {
    return nodes;
  }

  /** The value of a name, if it does not depend on the model's input. */
  Optional<Operand> constant(String name) {
    return Optional.ofNullable(constants.get(name));
  }

  /** A constant number. */
  OptionalDouble scalar(String name) {
    return constant(name).map(o -> o.tensor().scalar()).orElse(OptionalDouble.empty());
  }

  /** The operation that makes a value, if it is this one. */
  Optional<OnnxNode> producer(String name, String operator) {
    return Optional.ofNullable(producers.get(name)).filter(n -> n.operator().equals(operator));
  }

  /** The operations that take a value. */
  Collection<OnnxNode> consumers(String name) {
    return consumers.getOrDefault(name, List.of());
  }
}
