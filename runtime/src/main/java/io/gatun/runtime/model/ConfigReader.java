package io.gatun.runtime.model;

import io.gatun.kernels.Activation;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/** Reads the config.json of a decoder: defaults and rules of formats.md 5.1 and 5.4. */
final class ConfigReader {
  private static final Set<String> SUPPORTED =
      Set.of("gemma", "gemma2", "llama", "mistral", "qwen2", "qwen3");
  private static final Map<String, Activation> ACTIVATIONS =
      Map.of(
          "silu", Activation.SILU,
          "swish", Activation.SILU,
          "gelu", Activation.GELU,
          "gelu_new", Activation.GELU_TANH,
          "gelu_fast", Activation.GELU_TANH,
          "gelu_pytorch_tanh", Activation.GELU_TANH);

  private final ConfigValues values;
  private final String type;
  private final boolean gemma;
  private final boolean gemma2;

  /**
   * A configuration to be read.
   *
   * @param values of config.json, their architecture accepted by the caller
   */
  ConfigReader(ConfigValues values) {
    this.values = values;
    this.type = values.modelType();
    this.gemma2 = type.equals("gemma2");
    this.gemma = gemma2 || type.equals("gemma");
  }

  DecoderConfig read() {
    refuseOtherModels();
    int hidden = values.required("hidden_size");
    int layers = values.required("num_hidden_layers");
    int heads = values.required("num_attention_heads");
    int vocabulary = values.required("vocab_size");
    int feedForward = values.required("intermediate_size");
    values.throwProblems();
    int kvHeads = values.integer("num_key_value_heads", defaultKvHeads(heads));
    int headDim = values.integer("head_dim", defaultHeadDim(hidden, heads));
    int contextLength = values.integer("max_position_embeddings", 2048);
    requireHeads(heads, kvHeads, headDim);
    return checked(
        new DecoderConfig(
            type,
            vocabulary,
            hidden,
            layers,
            heads,
            kvHeads,
            headDim,
            feedForward,
            activation(),
            (float) values.number("rms_norm_eps", 1e-6),
            gemma ? 1 : 0,
            gemma2,
            type.equals("qwen3"),
            attentionBias() || type.equals("qwen2"),
            attentionBias() && !type.equals("qwen2"),
            values.flag("mlp_bias", false) && type.equals("llama"),
            gemma || values.flag("tie_word_embeddings", false),
            gemma ? (float) Math.sqrt(hidden) : 1,
            attentionScale(headDim),
            values.probability("attention_dropout", 0),
            softCap("attn_logit_softcapping", 50),
            softCap("final_logit_softcapping", 30),
            windows(layers),
            new RopeReader(values.json(), values::problem).read(headDim, contextLength),
            contextLength));
  }

  private DecoderConfig checked(DecoderConfig config) {
    values.throwProblems();
    return config;
  }

  private boolean attentionBias() {
    return values.flag("attention_bias", false) && !type.equals("mistral");
  }

  private float softCap(String key, double byDefault) {
    return gemma2 ? (float) values.number(key, byDefault, 0) : 0;
  }

  private void refuseOtherModels() {
    if (EncoderReader.supports(type)) {
      values.problem(
          "model_type "
              + type
              + " is an encoder, which does not generate; load it as a classifier");
    } else if (!SUPPORTED.contains(type)) {
      values.problem(
          "model_type "
              + (type.isEmpty() ? "is missing" : "\"" + type + "\" is not supported")
              + "; supported are "
              + String.join(", ", SUPPORTED.stream().sorted().toList()));
    }
    if (values.flag("use_bidirectional_attention", false)) {
      values.problem("use_bidirectional_attention is not supported; attention is causal");
    }
    values.refuseQuantization();
    values.throwProblems();
  }

  private int defaultKvHeads(int heads) {
    return switch (type) {
      case "mistral" -> 8;
      case "gemma2" -> 4;
      default -> heads;
    };
  }

  private int defaultHeadDim(int hidden, int heads) {
    return switch (type) {
      case "qwen3" -> 128;
      case "gemma", "gemma2" -> 256;
      default -> hidden / heads;
    };
  }

  private void requireHeads(int heads, int kvHeads, int headDim) {
    if (kvHeads <= 0 || heads % kvHeads != 0) {
      values.problem(
          "num_attention_heads " + heads + " is no multiple of num_key_value_heads " + kvHeads);
    }
    if (headDim <= 0 || headDim % 2 != 0) {
      values.problem("head_dim " + headDim + " is not a positive even number");
    }
    values.throwProblems();
  }

  private Activation activation() {
    String name = gemma ? "gelu_pytorch_tanh" : "silu";
    for (var key : List.of("hidden_act", "hidden_activation")) {
      name = values.present(key) ? values.json().path(key).asString("") : name;
    }
    if (gemma && name.equals("gelu")) {
      return Activation.GELU_TANH; // the first gemma configs say gelu and mean the tanh form
    }
    return values.activation("hidden_act", name, ACTIVATIONS);
  }

  private float attentionScale(int headDim) {
    double squared = gemma2 ? values.number("query_pre_attn_scalar", 256) : headDim;
    return (float) Math.pow(squared, -0.5);
  }

  /**
   * The window of each block: none, one for all, or for the blocks that {@code layer_types} names.
   */
  private List<Integer> windows(int layers) {
    if (type.equals("llama") || type.equals("gemma")) {
      return Collections.nCopies(layers, 0);
    }
    int window =
        values.present("sliding_window") || values.json().has("sliding_window")
            ? values.integer("sliding_window", 0)
            : 4096;
    if (type.equals("mistral")) {
      return Collections.nCopies(layers, window);
    }
    Function<Integer, Boolean> sliding = slidingLayers(layers);
    boolean used = gemma2 || values.flag("use_sliding_window", false);
    var windows = new ArrayList<Integer>();
    for (int layer = 0; layer < layers; layer++) {
      windows.add(used && sliding.apply(layer) ? window : 0);
    }
    return windows;
  }

  private Function<Integer, Boolean> slidingLayers(int layers) {
    var types = values.json().path("layer_types");
    if (types.isMissingNode() || types.isNull()) {
      int first = values.integer("max_window_layers", 28);
      return layer -> gemma2 ? layer % 2 == 0 : layer >= first;
    }
    if (types.size() != layers) {
      values.problem("layer_types has " + types.size() + " entries for " + layers + " layers");
    }
    for (var t : types) {
      if (!Set.of("sliding_attention", "full_attention").contains(t.asString(""))) {
        values.problem(
            "layer type \""
                + t.asString("")
                + "\" is not supported; full and sliding attention are");
      }
    }
    return layer -> types.path(layer).asString("").equals("sliding_attention");
  }
}
