package io.gatun.quant.checkpoint;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What the graph of a BERT model says under the keys of config.json: heads by the shape that
 * queries get, the epsilon and the activation by the operations themselves. What it does not say is
 * refused, never assumed.
 */
final class OnnxConfig {
  private static final JsonMapper JSON = new JsonMapper();
  private static final int MAX_STEPS = 64; // operations between two dense layers
  private static final float STANDARD_EPSILON = 1e-5f; // of LayerNormalization

  private final OnnxGraph graph;
  private final String wrapper;
  private final BertShape shape;
  private final Map<String, String> outputs;
  private final List<String> problems;

  /**
   * A model whose tensors are complete.
   *
   * @param wrapper what stands before the names of Hugging Face in the graph
   * @param outputs the value that each dense layer gives, by module path
   * @param problems get what cannot be read
   */
  OnnxConfig(
      OnnxGraph graph,
      String wrapper,
      BertShape shape,
      Map<String, String> outputs,
      List<String> problems) {
    this.graph = graph;
    this.wrapper = wrapper;
    this.shape = shape;
    this.outputs = outputs;
    this.problems = problems;
  }

  JsonNode json() {
    refuseCountedPositions();
    var config = JSON.createObjectNode();
    int labels = labels();
    config
        .putArray("architectures")
        .add(labels == 0 ? "BertModel" : "BertForSequenceClassification");
    config.put("model_type", "bert").put("vocab_size", shape.vocabulary());
    config.put("hidden_size", shape.hidden()).put("num_hidden_layers", shape.layers());
    config.put("num_attention_heads", same("the number of attention heads", this::heads, 1));
    config.put("intermediate_size", shape.feedForward());
    config.put("hidden_act", same("the activation", this::activation, "gelu"));
    config.put("layer_norm_eps", epsilon());
    config.put("max_position_embeddings", shape.positions());
    config.put("type_vocab_size", shape.types());
    if (labels > 0) {
      var names = config.putObject("id2label");
      IntStream.range(0, labels).forEach(i -> names.put(String.valueOf(i), "LABEL_" + i));
    }
    return config;
  }

  /** RoBERTa's tensors have BERT's names; its positions are a running sum over the tokens. */
  private void refuseCountedPositions() {
    if (graph.nodes().stream().anyMatch(node -> node.operator().equals("CumSum"))) {
      problems.add(
          "counts positions as RoBERTa does; of ONNX models only BERT's are read, so give its"
              + " Hugging Face folder");
    }
  }

  private int labels() {
    return graph.constant("classifier.bias").map(b -> rows(b.tensor())).orElse(0);
  }

  private static int rows(OnnxTensor vector) {
    return vector.shape().size() == 1 ? vector.shape().getFirst().intValue() : 0;
  }

  /** A value that is the same in all blocks. */
  private <T> T same(String what, IntFunction<Optional<T>> ofLayer, T otherwise) {
    var found = new HashSet<Optional<T>>();
    IntStream.range(0, shape.layers()).forEach(layer -> found.add(ofLayer.apply(layer)));
    if (found.size() == 1 && found.iterator().next().isPresent()) {
      return found.iterator().next().get();
    }
    unreadable(what);
    return otherwise;
  }

  private void unreadable(String what) {
    problems.add("its graph does not say " + what + "; put the model's config.json beside it");
  }

  /** The shape that the queries of a block get ends with heads and features of a head. */
  private Optional<Integer> heads(int layer) {
    var queries = outputs.getOrDefault(shape.query(layer), "");
    for (var node : graph.consumers(queries)) {
      var sizes = node.operator().equals("Reshape") ? sizes(node.input(1)) : List.<Long>of();
      if (sizes.size() >= 2) {
        long heads = sizes.get(sizes.size() - 2);
        long size = sizes.getLast();
        if (heads > 0 && shape.hidden() % heads == 0) {
          boolean fits = size <= 0 || heads * size == shape.hidden();
          return fits ? Optional.of((int) heads) : Optional.empty();
        }
        if (size > 0 && shape.hidden() % size == 0) {
          return Optional.of((int) (shape.hidden() / size));
        }
      }
    }
    return Optional.empty();
  }

  /** The sizes of a shape; -1 for one that depends on the input. */
  private List<Long> sizes(String name) {
    var constant = graph.constant(name);
    if (constant.isPresent()) {
      return constant.get().tensor().integers();
    }
    var sizes = new ArrayList<Long>();
    graph
        .producer(name, "Concat")
        .ifPresent(concat -> {
          for (var input : concat.inputs()) {
            sizes.addAll(
                graph.constant(input).map(c -> c.tensor().integers()).orElse(List.of(-1L)));
          }
        });
    return sizes;
  }

  /** The operations between the two dense layers of the feed-forward part. */
  private Optional<String> activation(int layer) {
    var operators = new HashSet<String>();
    var open = new ArrayDeque<>(List.of(outputs.getOrDefault(shape.up(layer), "")));
    var seen = new HashSet<String>();
    while (!open.isEmpty() && seen.size() < MAX_STEPS) {
      for (var node : graph.consumers(open.remove())) {
        boolean ends = Set.of("MatMul", "Gemm").contains(node.operator());
        if (!ends && seen.add(node.output())) {
          boolean byTanh = node.text("approximate", "none").equals("tanh");
          operators.add(node.operator() + (byTanh ? "Tanh" : ""));
          open.add(node.output());
        }
      }
    }
    return seen.size() == MAX_STEPS ? Optional.empty() : named(operators);
  }

  private static Optional<String> named(Set<String> operators) {
    var known =
        Map.of(
            "Erf",
            "gelu",
            "Gelu",
            "gelu",
            "GeluTanh",
            "gelu_new",
            "Tanh",
            "gelu_new",
            "Relu",
            "relu");
    var found = operators.stream().filter(known::containsKey).map(known::get).distinct().toList();
    return found.size() == 1 ? Optional.of(found.getFirst()) : Optional.empty();
  }

  private double epsilon() {
    var found = new HashSet<OptionalDouble>();
    shape.norms().forEach(norm -> found.add(epsilon(wrapper + norm + ".weight")));
    if (found.size() == 1 && found.iterator().next().isPresent()) {
      return found.iterator().next().getAsDouble();
    }
    unreadable("the epsilon of its layer norms");
    return 0;
  }

  /** What is added to the variance in weight * (x - mean) / sqrt(variance + epsilon). */
  private OptionalDouble epsilon(String weight) {
    for (var node : graph.consumers(weight)) {
      if (node.operator().equals("LayerNormalization")) {
        float epsilon = node.real("epsilon", STANDARD_EPSILON);
        return OptionalDouble.of(Double.parseDouble(Float.toString(epsilon)));
      }
      for (var input : node.inputs()) {
        var sum =
            graph
                .producer(input, "Div")
                .flatMap(quotient -> graph.producer(quotient.input(1), "Sqrt"))
                .flatMap(root -> graph.producer(root.input(0), "Add"));
        if (node.operator().equals("Mul") && sum.isPresent()) {
          var first = graph.scalar(sum.get().input(0));
          return first.isPresent() ? first : graph.scalar(sum.get().input(1));
        }
      }
    }
    return OptionalDouble.empty();
  }
}
