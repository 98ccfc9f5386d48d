package io.gatun.quant.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/**
 * A BERT model in an ONNX file, such as those of sentence transformers, as a {@link Checkpoint}:
 * Hugging Face names, and dense weights with a row for each output. An exporter names biases,
 * embeddings and norms as Hugging Face does, but dense weights, which it turns over, by number:
 * such a weight is the one whose product the bias is added to.
 */
final class OnnxModel {
  private static final String WORDS = "embeddings.word_embeddings.weight";
  private static final Set<String> FUSED =
      Set.of(
          "Attention", "MultiHeadAttention", "EmbedLayerNormalization", "SkipLayerNormalization");

  private final Path file;
  private final OnnxGraph graph;
  private final List<String> problems = new ArrayList<>();
  private final Map<String, TensorSource> tensors = new TreeMap<>();
  private final Map<String, String> products = new TreeMap<>();

  private OnnxModel(Path file, OnnxGraph graph) {
    this.file = file;
    this.graph = graph;
  }

  /** A file; config.json and the tokenizer are looked for beside it. */
  static Checkpoint file(Path file, Arena arena) {
    var folder = file.toAbsolutePath().resolveSibling("");
    var problems = new ArrayList<String>();
    var config = ConfigJson.read(folder.resolve("config.json"), problems);
    if (!problems.isEmpty()) {
      throw new CheckpointException(file, problems);
    }
    try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
      var bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return read(file, bytes, config, new TokenizerSource.Folder(folder));
    } catch (IOException e) {
      throw new CheckpointException(file, "cannot be read: " + Sentences.of(e));
    }
  }

  /**
   * A model, or everything that is wrong with it.
   *
   * @param config config.json; where there is none, the graph says what it would
   */
  static Checkpoint read(
      Path file, MemorySegment bytes, Optional<JsonNode> config, TokenizerSource tokenizer) {
    var model = new OnnxModel(file, OnnxGraph.parse(file, bytes));
    return model.checkpoint(config, tokenizer);
  }

  private Checkpoint checkpoint(Optional<JsonNode> config, TokenizerSource tokenizer) {
    refuseQuantized();
    refuseElsewhere();
    var wrapper = wrapper();
    addProducts(wrapper);
    addStored(wrapper);
    throwProblems();
    var shape = BertShape.of(tensors, problems);
    throwProblems();
    var json =
        config.orElseGet(() -> new OnnxConfig(graph, wrapper, shape, products, problems).json());
    throwProblems();
    return new Checkpoint(file, tensors, Optional.of(json), tokenizer);
  }

  private void throwProblems() {
    if (!problems.isEmpty()) {
      throw new CheckpointException(file, problems);
    }
  }

  private void refuseQuantized() {
    var quantized =
        graph.stored().values().stream()
            .filter(t -> t.isQuantized() && t.shape().size() > 1)
            .toList();
    if (!quantized.isEmpty()) {
      throw new CheckpointException(
          file,
          "its weights are quantized to integers (%s and %d more), which is not read; give the fp32 model it was made from, in langchain4j the artifact whose name does not end with -q"
              .formatted(quantized.getFirst().name(), quantized.size() - 1));
    }
  }

  private void refuseElsewhere() {
    var elsewhere = graph.stored().values().stream().filter(OnnxTensor::elsewhere).toList();
    if (!elsewhere.isEmpty()) {
      throw new CheckpointException(
          file,
          "keeps the data of %d tensors (%s) in another file, which is not read; save the model as one file"
              .formatted(elsewhere.size(), elsewhere.getFirst().name()));
    }
  }

  /**
   * What stands before the names of Hugging Face, such as {@code 0.auto_model.}; often nothing.
   * {@code bert.} belongs to the names, and heads stand beside it.
   */
  private String wrapper() {
    return graph.stored().keySet().stream()
        .filter(name -> name.equals(WORDS) || name.endsWith("." + WORDS))
        .min(Comparator.comparingInt(String::length))
        .map(name -> name.substring(0, name.length() - WORDS.length()))
        .map(found -> found.equals("bert.") ? "" : found)
        .orElseThrow(() ->
            new CheckpointException(
                file,
                "is no BERT model with named weights, as sentence transformers are: it has no %s among its %d tensors"
                    .formatted(WORDS, graph.stored().size())));
  }

  private static String named(String wrapper, String stored) {
    return stored.startsWith(wrapper) ? stored.substring(wrapper.length()) : stored;
  }

  private void addProducts(String wrapper) {
    for (var node : graph.nodes()) {
      if (FUSED.contains(node.operator())) {
        problems.add(
            "has the operation %s, made by an optimizer from several; give the model before it was optimized"
                .formatted(node.operator()));
        return;
      }
      switch (node.operator()) {
        case "MatMul" -> addMatMul(wrapper, node);
        case "Gemm" -> addGemm(wrapper, node);
        default -> {}
      }
    }
  }

  /** y = x W, and then y + bias. */
  private void addMatMul(String wrapper, OnnxNode product) {
    var weight = graph.constant(product.input(1));
    for (var sum : graph.consumers(product.output())) {
      boolean first = sum.input(0).equals(product.output());
      var bias = sum.input(first ? 1 : 0);
      if (sum.operator().equals("Add") && weight.isPresent()) {
        add(named(wrapper, bias), weight.get(), true, sum.output());
      }
    }
  }

  /** y = x W or x Wᵀ, + bias. */
  private void addGemm(String wrapper, OnnxNode product) {
    boolean plain =
        product.real("alpha", 1) == 1
            && product.real("beta", 1) == 1
            && product.integer("transA", 0) == 0;
    var weight = graph.constant(product.input(1));
    if (plain && weight.isPresent()) {
      boolean turned = product.integer("transB", 0) == 0;
      add(named(wrapper, product.input(2)), weight.get(), turned, product.output());
    }
  }

  /**
   * A dense layer.
   *
   * @param bias its name, by which the layer is known
   * @param turned whether the product takes it with a column for each output
   * @param output what the layer gives
   */
  private void add(String bias, OnnxGraph.Operand weight, boolean turned, String output) {
    boolean dense = weight.tensor().shape().size() == 2 && bias.endsWith(".bias");
    if (!dense || weight.tensor().encoding().isEmpty()) {
      return;
    }
    var module = bias.substring(0, bias.length() - ".bias".length());
    if (products.putIfAbsent(module, output) != null) {
      problems.add("two products have the bias " + bias);
    }
    put(module + ".weight", weight.tensor(), turned ^ weight.turned());
  }

  /** Biases, norms and embeddings: what is stored as Hugging Face has it. */
  private void addStored(String wrapper) {
    graph
        .stored()
        .forEach((stored, tensor) -> {
          var name = named(wrapper, stored);
          boolean vector = tensor.shape().size() == 1 && name.matches(".*\\.(weight|bias)");
          boolean table = tensor.shape().size() == 2 && name.endsWith("embeddings.weight");
          if ((vector || table) && tensor.encoding().isPresent()) {
            put(name, tensor, false);
          }
        });
    graph.nodes().stream()
        .filter(node -> node.operator().equals("Identity"))
        .forEach(node -> addShared(wrapper, node));
  }

  /** A vector that is equal to another one is stored once, and has its own name here. */
  private void addShared(String wrapper, OnnxNode node) {
    var name = named(wrapper, node.output());
    graph
        .constant(node.output())
        .map(OnnxGraph.Operand::tensor)
        .filter(tensor -> tensor.shape().size() == 1 && tensor.encoding().isPresent())
        .filter(_ -> name.matches(".*\\.(weight|bias)") && !tensors.containsKey(name))
        .ifPresent(tensor -> put(name, tensor, false));
  }

  private void put(String name, OnnxTensor tensor, boolean turned) {
    var encoding = tensor.encoding().orElseThrow();
    var shape = turned ? tensor.shape().reversed() : tensor.shape();
    var info = new TensorInfo(name, encoding.name(), shape, tensor.data().byteSize());
    tensors.put(
        name,
        turned
            ? new TensorSource.Turned(
                info, new TurnedRows(tensor.data(), encoding, info.rows(), info.cols()))
            : new TensorSource.Rows(
                info,
                new RowDecoder(tensor.data(), encoding, info.cols(), new RowOrder.Stored(), 0)));
  }
}
