package io.gatun.runtime.model;

import io.gatun.kernels.Activation;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;

/**
 * Reads config.json: defaults and rules of formats.md 5.1 and 5.4. Collects every problem, then
 * throws once.
 */
final class ConfigReader {
  private static final Set<String> SUPPORTED =
      Set.of("gemma", "gemma2", "llama", "mistral", "qwen2", "qwen3");
  private static final Set<String> ENCODERS =
      Set.of("bert", "roberta", "distilbert", "albert", "electra", "deberta", "deberta-v2");
  private static final Map<String, Activation> ACTIVATIONS =
      Map.of(
          "silu", Activation.SILU,
          "swish", Activation.SILU,
          "gelu", Activation.GELU,
          "gelu_new", Activation.GELU_TANH,
          "gelu_fast", Activation.GELU_TANH,
          "gelu_pytorch_tanh", Activation.GELU_TANH);

  private final JsonNode json;
  private final String type;
  private final boolean gemma;
  private final boolean gemma2;
  private final List<String> problems = new ArrayList<>();

  ConfigReader(JsonNode json) {
    this.json = json;
    this.type = json.path("model_type").asString("");
    this.gemma2 = type.equals("gemma2");
    this.gemma = gemma2 || type.equals("gemma");
  }

  DecoderConfig read() {
    refuseOtherModels();
    int hidden = required("hidden_size");
    int layers = required("num_hidden_layers");
    int heads = required("num_attention_heads");
    int vocabulary = required("vocab_size");
    int feedForward = required("intermediate_size");
    throwProblems();
    int kvHeads = integer("num_key_value_heads", defaultKvHeads(heads));
    int headDim = integer("head_dim", defaultHeadDim(hidden, heads));
    checkHeads(heads, kvHeads, headDim);
    int contextLength = integer("max_position_embeddings", 2048);
    throwProblems();
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
            (float) number("rms_norm_eps", 1e-6),
            gemma ? 1 : 0,
            gemma2,
            type.equals("qwen3"),
            attentionBias() || type.equals("qwen2"),
            attentionBias() && !type.equals("qwen2"),
            flag("mlp_bias", false) && type.equals("llama"),
            gemma || flag("tie_word_embeddings", false),
            gemma ? (float) Math.sqrt(hidden) : 1,
            attentionScale(headDim),
            softCap("attn_logit_softcapping", 50),
            softCap("final_logit_softcapping", 30),
            windows(layers),
            new RopeReader(json, problems::add).read(headDim, contextLength),
            contextLength));
  }

  private DecoderConfig checked(DecoderConfig config) {
    throwProblems();
    return config;
  }

  private boolean attentionBias() {
    return flag("attention_bias", false) && !type.equals("mistral");
  }

  private float softCap(String key, double byDefault) {
    return gemma2 ? (float) number(key, byDefault, 0) : 0;
  }

  private void refuseOtherModels() {
    if (ENCODERS.contains(type)) {
      problems.add("model_type " + type + " is an encoder; encoders come with a later version");
    } else if (!SUPPORTED.contains(type)) {
      problems.add(
          "model_type "
              + (type.isEmpty() ? "is missing" : "\"" + type + "\" is not supported")
              + "; supported are "
              + String.join(", ", SUPPORTED.stream().sorted().toList()));
    }
    for (var architecture : json.path("architectures")) {
      if (!architecture.asString("").endsWith("ForCausalLM")) {
        problems.add(
            "architecture "
                + architecture.asString("")
                + " is not supported; classification heads come with a later version, only"
                + " ForCausalLM is read");
      }
    }
    if (flag("use_bidirectional_attention", false)) {
      problems.add("use_bidirectional_attention is not supported; attention is causal");
    }
    refuseQuantization(json.path("quantization_config"));
    throwProblems();
  }

  private void refuseQuantization(JsonNode quantization) {
    if (quantization.isMissingNode() || quantization.isNull()) {
      return;
    }
    String method = quantization.path("quant_method").asString("");
    boolean fourBit =
        quantization.path("load_in_4bit").asBoolean(false)
            || quantization.path("_load_in_4bit").asBoolean(false);
    if (!method.equals("bitsandbytes") || !fourBit) {
      problems.add(
          "quantization method "
              + (method.equals("bitsandbytes") ? "bitsandbytes 8-bit" : "\"" + method + "\"")
              + " is not supported; supported are bitsandbytes 4-bit, GGUF and plain 16 or 32 bit");
    }
  }

  private void throwProblems() {
    if (!problems.isEmpty()) {
      throw new UnsupportedException("config.json: " + String.join("; ", problems));
    }
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

  private void checkHeads(int heads, int kvHeads, int headDim) {
    if (kvHeads <= 0 || heads % kvHeads != 0) {
      problems.add(
          "num_attention_heads " + heads + " is no multiple of num_key_value_heads " + kvHeads);
    }
    if (headDim <= 0 || headDim % 2 != 0) {
      problems.add("head_dim " + headDim + " is not a positive even number");
    }
  }

  private Activation activation() {
    String name = gemma ? "gelu_pytorch_tanh" : "silu";
    for (var key : List.of("hidden_act", "hidden_activation")) {
      name = present(key) ? json.path(key).asString("") : name;
    }
    if (gemma && name.equals("gelu")) {
      return Activation.GELU_TANH; // the first gemma configs say gelu and mean the tanh form
    }
    if (!ACTIVATIONS.containsKey(name)) {
      problems.add(
          "hidden_act \"" + name + "\" is not supported; supported are silu and gelu forms");
    }
    return ACTIVATIONS.getOrDefault(name, Activation.SILU);
  }

  private float attentionScale(int headDim) {
    double squared = gemma2 ? number("query_pre_attn_scalar", 256) : headDim;
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
        present("sliding_window") || json.has("sliding_window")
            ? integer("sliding_window", 0)
            : 4096;
    if (type.equals("mistral")) {
      return Collections.nCopies(layers, window);
    }
    Function<Integer, Boolean> sliding = slidingLayers(layers);
    boolean used = gemma2 || flag("use_sliding_window", false);
    var windows = new ArrayList<Integer>();
    for (int layer = 0; layer < layers; layer++) {
      windows.add(used && sliding.apply(layer) ? window : 0);
    }
    return windows;
  }

  private Function<Integer, Boolean> slidingLayers(int layers) {
    var types = json.path("layer_types");
    if (types.isMissingNode() || types.isNull()) {
      int first = integer("max_window_layers", 28);
      return layer -> gemma2 ? layer % 2 == 0 : layer >= first;
    }
    if (types.size() != layers) {
      problems.add("layer_types has " + types.size() + " entries for " + layers + " layers");
    }
    for (var t : types) {
      if (!Set.of("sliding_attention", "full_attention").contains(t.asString(""))) {
        problems.add(
            "layer type \""
                + t.asString("")
                + "\" is not supported; full and sliding attention are");
      }
    }
    return layer -> types.path(layer).asString("").equals("sliding_attention");
  }

  private boolean present(String key) {
    return json.has(key) && !json.path(key).isNull();
  }

  private int required(String key) {
    if (!present(key)) {
      problems.add(key + " is missing");
    }
    int value = integer(key, 1);
    if (value <= 0) {
      problems.add(key + " is " + value + ", not a positive number");
    }
    return value;
  }

  private int integer(String key, int absent) {
    return (int) number(key, absent);
  }

  private double number(String key, double absent) {
    return present(key) ? number(key, absent, absent) : absent;
  }

  private double number(String key, double missing, double ofNull) {
    if (!json.has(key)) {
      return missing;
    }
    if (json.path(key).isNull()) {
      return ofNull;
    }
    if (!json.path(key).isNumber()) {
      problems.add(key + " is not a number: " + json.path(key));
    }
    return json.path(key).asDouble(missing);
  }

  private boolean flag(String key, boolean missing) {
    return present(key) ? json.path(key).asBoolean(missing) : missing;
  }
}
