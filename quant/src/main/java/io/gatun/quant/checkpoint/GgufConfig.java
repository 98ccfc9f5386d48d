package io.gatun.quant.checkpoint;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The metadata of a GGUF model under the keys of config.json, as transformers 5 writes them. */
final class GgufConfig {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Map<String, String> CLASSES =
      Map.of(
          "llama", "LlamaForCausalLM",
          "mistral", "MistralForCausalLM",
          "qwen2", "Qwen2ForCausalLM",
          "qwen3", "Qwen3ForCausalLM",
          "gemma", "GemmaForCausalLM",
          "gemma2", "Gemma2ForCausalLM");
  private static final int GEMMA2_27B_LAYERS = 46;

  private final Gguf file;
  private final String architecture;
  private final Set<String> names;
  private final List<String> problems;
  private final ObjectNode config = JSON.createObjectNode();

  /** For a model with tensors of these Hugging Face names; what is missing goes to the problems. */
  GgufConfig(Gguf file, String architecture, Set<String> names, List<String> problems) {
    this.file = file;
    this.architecture = architecture;
    this.names = names;
    this.problems = problems;
  }

  JsonNode json() {
    boolean gemma = architecture.startsWith("gemma");
    // Mistral is a llama with a window; GGUF gives both one name.
    boolean mistral = architecture.equals("llama") && key("attention.sliding_window") > 0;
    var type = mistral ? "mistral" : architecture;
    config.putArray("architectures").add(CLASSES.get(type));
    config.put("model_type", type).put("dtype", dtype()).put("vocab_size", vocabulary());
    long hidden = required("embedding_length");
    long heads = required("attention.head_count");
    long layers = required("block_count");
    long headSize = key("attention.key_length", hidden / Math.max(1, heads));
    config.put("hidden_size", hidden).put("num_hidden_layers", layers);
    config.put("intermediate_size", required("feed_forward_length"));
    config.put("num_attention_heads", heads).put("head_dim", headSize);
    config.put("num_key_value_heads", key("attention.head_count_kv", heads));
    config.put("max_position_embeddings", required("context_length"));
    config.put("rms_norm_eps", number("attention.layer_norm_rms_epsilon", 1e-6));
    config.put("hidden_act", gemma ? "gelu_pytorch_tanh" : "silu");
    config.put("tie_word_embeddings", !names.contains("lm_head.weight"));
    config
        .put("attention_bias", hasBias("self_attn.q_proj"))
        .put("mlp_bias", hasBias("mlp.up_proj"));
    if (key("attention.value_length", headSize) != headSize) {
      problems.add("attention.value_length differs from attention.key_length");
    }
    rope(headSize);
    if (mistral) {
      config.put("sliding_window", key("attention.sliding_window"));
    } else if (architecture.equals("gemma2")) {
      gemma2(hidden, heads, headSize, layers);
    }
    tokens();
    return config;
  }

  private void rope(long headSize) {
    var rope = config.putObject("rope_parameters");
    rope.put("rope_theta", number("rope.freq_base", 10000));
    var type = file.string(architecture + ".rope.scaling.type").orElse("none");
    double factor = number("rope.scaling.factor", number("rope.scale_linear", 0));
    if (type.equals("none") && factor > 1) {
      type = "linear"; // older files give only the factor
    }
    rope.put("rope_type", type.equals("none") ? "default" : type);
    switch (type) {
      case "none" -> {}
      case "linear" -> rope.put("factor", factor);
      case "yarn" -> {
        long original = key("rope.scaling.original_context_length", key("context_length"));
        rope.put("factor", factor).put("original_max_position_embeddings", original);
      }
      default -> problems.add("the rope scaling \"" + type + "\" is not read from GGUF files");
    }
    long rotated = key("rope.dimension_count", headSize);
    if (rotated != headSize && headSize > 0) {
      rope.put("partial_rotary_factor", (double) rotated / headSize);
    }
  }

  private void gemma2(long hidden, long heads, long headSize, long layers) {
    config.put("attn_logit_softcapping", number("attn_logit_softcapping", 50));
    config.put("final_logit_softcapping", number("final_logit_softcapping", 30));
    config.put("sliding_window", key("attention.sliding_window", 4096));
    // Not in the file: only the 27B model scales by the width of a head of the residual.
    boolean largest = layers == GEMMA2_27B_LAYERS && heads > 0;
    config.put("query_pre_attn_scalar", largest ? hidden / heads : headSize);
    var types = config.putArray("layer_types");
    for (int i = 0; i < Math.min(layers, 10_000); i++) {
      types.add(i % 2 == 0 ? "sliding_attention" : "full_attention");
    }
  }

  private void tokens() {
    var tokens = "tokenizer.ggml.";
    file.integer(tokens + "bos_token_id").ifPresent(id -> config.put("bos_token_id", id));
    file.integer(tokens + "padding_token_id").ifPresent(id -> config.put("pad_token_id", id));
    var ends = new TreeSet<Long>();
    for (var end : List.of("eos_token_id", "eot_token_id", "eom_token_id")) {
      file.integer(tokens + end).ifPresent(ends::add);
    }
    if (ends.size() == 1) {
      config.put("eos_token_id", ends.getFirst());
    } else if (!ends.isEmpty()) {
      ends.forEach(config.putArray("eos_token_id")::add);
    }
  }

  private String dtype() {
    return switch (names.contains("model.embed_tokens.weight")
        ? file.info("token_embd.weight").dtype()
        : "") {
      case "F16" -> "float16";
      case "BF16" -> "bfloat16";
      default -> "float32";
    };
  }

  private long vocabulary() {
    if (file.names().contains("token_embd.weight")) {
      return file.info("token_embd.weight").rows();
    }
    return key("vocab_size", file.strings("tokenizer.ggml.tokens").size());
  }

  private boolean hasBias(String module) {
    return names.contains("model.layers.0." + module + ".bias");
  }

  private long required(String key) {
    long value = key(key);
    if (value <= 0) {
      problems.add("the metadata have no positive " + architecture + "." + key);
    }
    return value;
  }

  private long key(String key) {
    return key(key, 0);
  }

  private long key(String key, long absent) {
    return file.integer(architecture + "." + key).orElse(absent);
  }

  private double number(String key, double absent) {
    return file.number(architecture + "." + key).orElse(absent);
  }
}
