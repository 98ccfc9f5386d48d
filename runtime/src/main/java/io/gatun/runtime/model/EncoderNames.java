package io.gatun.runtime.model;

import io.gatun.kernels.Activation;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/**
 * Hugging Face names of the tensors and modules of an encoder, and of the head that classifies
 * (formats.md 5.6 to 5.8). No other class spells one.
 *
 * @param prefix module of the encoder, such as {@code bert}
 * @param blocks list of blocks inside the prefix
 * @param qkv queries, keys and values inside a block
 * @param output of attention
 * @param attentionNorm after attention
 * @param up into the feed-forward part
 * @param down out of it
 * @param outputNorm after it
 * @param dense path of the head's hidden layer
 * @param denseActivation behind it
 * @param labels path of the head's output layer
 * @param defaultTargets what gets an adapter where its configuration names nothing
 */
public record EncoderNames(
    String prefix,
    String blocks,
    List<String> qkv,
    String output,
    String attentionNorm,
    String up,
    String down,
    String outputNorm,
    String dense,
    Activation denseActivation,
    String labels,
    List<String> defaultTargets) {

  /** BERT: the head's hidden layer is the pooler, a part of the encoder. */
  static EncoderNames bert() {
    return bertLike("bert", "bert.pooler.dense", "classifier");
  }

  /** RoBERTa: BERT's blocks, and a head of its own. */
  static EncoderNames roberta() {
    return bertLike("roberta", "classifier.dense", "classifier.out_proj");
  }

  private static EncoderNames bertLike(String prefix, String dense, String labels) {
    return new EncoderNames(
        prefix,
        "encoder.layer",
        List.of("attention.self.query", "attention.self.key", "attention.self.value"),
        "attention.output.dense",
        "attention.output.LayerNorm",
        "intermediate.dense",
        "output.dense",
        "output.LayerNorm",
        dense,
        Activation.TANH,
        labels,
        List.of("query", "value"));
  }

  /** DistilBERT. */
  static EncoderNames distilbert() {
    return new EncoderNames(
        "distilbert",
        "transformer.layer",
        List.of("attention.q_lin", "attention.k_lin", "attention.v_lin"),
        "attention.out_lin",
        "sa_layer_norm",
        "ffn.lin1",
        "ffn.lin2",
        "output_layer_norm",
        "pre_classifier",
        Activation.RELU,
        "classifier",
        List.of());
  }

  String words() {
    return prefix + ".embeddings.word_embeddings";
  }

  String positions() {
    return prefix + ".embeddings.position_embeddings";
  }

  String types() {
    return prefix + ".embeddings.token_type_embeddings";
  }

  String embeddingNorm() {
    return prefix + ".embeddings.LayerNorm";
  }

  /** A module inside a block. */
  String inBlock(int layer, String module) {
    return prefix + "." + blocks + "." + layer + "." + module;
  }

  List<String> linears(int layer, Projection projection) {
    var names =
        switch (projection) {
          case QKV -> qkv;
          case OUTPUT -> List.of(output);
          case UP -> List.of(up);
          case DOWN -> List.of(down);
        };
    return names.stream().map(name -> inBlock(layer, name)).toList();
  }

  List<String> otherModules(EncoderConfig config) {
    var modules = new LinkedHashSet<String>();
    var leaves = new ArrayList<>(List.of(words(), positions(), types(), embeddingNorm()));
    for (int layer = 0; layer < config.layers(); layer++) {
      leaves.add(inBlock(layer, attentionNorm));
      leaves.add(inBlock(layer, outputNorm));
    }
    for (var leaf : leaves) {
      modules.add(leaf);
      modules.addAll(containers(leaf));
    }
    config.linearLayers().forEach(linear -> modules.addAll(containers(linear.path())));
    return List.copyOf(modules);
  }

  /** The modules around a module. */
  static List<String> containers(String path) {
    var containers = new ArrayList<String>();
    for (int dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
      containers.add(path.substring(0, dot));
    }
    return containers;
  }

  Map<String, List<Long>> tensors(EncoderConfig config) {
    var shapes = new LinkedHashMap<String, List<Long>>();
    long hidden = config.hidden();
    shapes.put(WeightNames.weight(words()), List.of((long) config.vocabulary(), hidden));
    shapes.put(WeightNames.weight(positions()), List.of((long) config.positions(), hidden));
    if (config.tokenTypes() > 0) {
      shapes.put(WeightNames.weight(types()), List.of((long) config.tokenTypes(), hidden));
    }
    putNorm(shapes, embeddingNorm(), hidden);
    for (int layer = 0; layer < config.layers(); layer++) {
      putNorm(shapes, inBlock(layer, attentionNorm), hidden);
      putNorm(shapes, inBlock(layer, outputNorm), hidden);
    }
    for (var linear : config.linearLayers()) {
      long rows = linear.rows();
      shapes.put(WeightNames.weight(linear.path()), List.of(rows, (long) linear.cols()));
      shapes.put(WeightNames.bias(linear.path()), List.of(rows));
    }
    return shapes;
  }

  private static void putNorm(Map<String, List<Long>> shapes, String norm, long hidden) {
    shapes.put(WeightNames.weight(norm), List.of(hidden));
    shapes.put(WeightNames.bias(norm), List.of(hidden));
  }
}
