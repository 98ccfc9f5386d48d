package io.gatun.runtime.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Hugging Face names of the tensors and modules of a decoder. No other class spells one. */
public final class WeightNames {
  /** What every name but that of the head begins with. */
  static final String PREFIX = "model.";

  /** The embedding module. */
  public static final String EMBEDDING = "model.embed_tokens";

  /** The norm before the head. */
  public static final String FINAL_NORM = "model.norm";

  /** The output head; absent from files where it is tied to the embedding. */
  public static final String HEAD = "lm_head";

  /** Rotation divisors, as GGUF files carry them. */
  public static final String ROPE_DIVISORS = "rope_freqs.weight";

  /** The norm before attention. */
  public static final String INPUT_NORM = "input_layernorm";

  /** The norm before the feed-forward part; with sandwich norms, the norm after attention. */
  public static final String POST_ATTENTION_NORM = "post_attention_layernorm";

  /** With sandwich norms, the norm before the feed-forward part. */
  public static final String PRE_FEED_FORWARD_NORM = "pre_feedforward_layernorm";

  /** With sandwich norms, the norm after the feed-forward part. */
  public static final String POST_FEED_FORWARD_NORM = "post_feedforward_layernorm";

  /** The norm of query heads. */
  public static final String QUERY_NORM = "self_attn.q_norm";

  /** The norm of key heads. */
  public static final String KEY_NORM = "self_attn.k_norm";

  /** Layers that get an adapter where its configuration names none. */
  static final List<String> DEFAULT_TARGETS = List.of("q_proj", "v_proj");

  private WeightNames() {}

  /**
   * The weight tensor of a module.
   *
   * @param module a module path
   * @return {@code module.weight}
   */
  public static String weight(String module) {
    return module + ".weight";
  }

  /**
   * The bias tensor of a module.
   *
   * @param module a module path
   * @return {@code module.bias}
   */
  public static String bias(String module) {
    return module + ".bias";
  }

  /**
   * A module inside a block.
   *
   * @param layer the block
   * @param module for example {@link #INPUT_NORM}
   * @return for example {@code model.layers.0.input_layernorm}
   */
  public static String inBlock(int layer, String module) {
    return "model.layers." + layer + "." + module;
  }

  /**
   * The linear layers of a product.
   *
   * @param layer the block
   * @param projection the product
   * @return for example {@code model.layers.0.self_attn.o_proj}
   */
  static List<String> linears(int layer, Projection projection) {
    var names =
        switch (projection) {
          case QKV -> List.of("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj");
          case OUTPUT -> List.of("self_attn.o_proj");
          case UP -> List.of("mlp.gate_proj", "mlp.up_proj");
          case DOWN -> List.of("mlp.down_proj");
        };
    return names.stream().map(name -> inBlock(layer, name)).toList();
  }

  /**
   * Every module that is not a linear layer of a block: containers, norms, embedding and head.
   *
   * @param config the decoder
   * @return module paths
   */
  public static List<String> otherModules(DecoderConfig config) {
    var modules =
        new ArrayList<>(
            List.of("model", EMBEDDING, "model.layers", FINAL_NORM, "model.rotary_emb", HEAD));
    for (int layer = 0; layer < config.layers(); layer++) {
      modules.add("model.layers." + layer);
      for (var module : List.of("self_attn", "mlp", "mlp.act_fn")) {
        modules.add(inBlock(layer, module));
      }
      for (var norm : norms(config)) {
        modules.add(inBlock(layer, norm));
      }
    }
    return modules;
  }

  /**
   * The norms of a block.
   *
   * @param config the decoder
   * @return names inside the block
   */
  static List<String> norms(DecoderConfig config) {
    var norms = new ArrayList<>(List.of(INPUT_NORM, POST_ATTENTION_NORM));
    if (config.sandwichNorms()) {
      norms.addAll(List.of(PRE_FEED_FORWARD_NORM, POST_FEED_FORWARD_NORM));
    }
    if (config.headNorms()) {
      norms.addAll(List.of(QUERY_NORM, KEY_NORM));
    }
    return norms;
  }

  /**
   * Every tensor of a decoder.
   *
   * @param config the decoder
   * @return names and shapes
   */
  public static Map<String, List<Long>> tensors(DecoderConfig config) {
    var shapes = new LinkedHashMap<String, List<Long>>();
    var table = List.of((long) config.vocabulary(), (long) config.hidden());
    shapes.put(weight(EMBEDDING), table);
    for (int layer = 0; layer < config.layers(); layer++) {
      for (var norm : norms(config)) {
        boolean ofHead = norm.equals(QUERY_NORM) || norm.equals(KEY_NORM);
        long length = ofHead ? config.headDim() : config.hidden();
        shapes.put(weight(inBlock(layer, norm)), List.of(length));
      }
    }
    for (var linear : config.linearLayers()) {
      shapes.put(weight(linear.path()), List.of((long) linear.rows(), (long) linear.cols()));
      if (config.hasBias(linear.projection())) {
        shapes.put(bias(linear.path()), List.of((long) linear.rows()));
      }
    }
    shapes.put(weight(FINAL_NORM), List.of((long) config.hidden()));
    if (!config.tiedHead()) {
      shapes.put(weight(HEAD), table);
    }
    return shapes;
  }
}
