package io.gatun.quant.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Golden models of every family, written here as their GGUF converters write them, and read. */
class GgufFamiliesTest {
  private static final List<String> FAMILIES =
      List.of("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2");

  /** What the metadata cannot say, say otherwise, or say where config.json leaves it out. */
  private static final List<String> NOT_COMPARED =
      List.of(
          "pad_token_id",
          "bos_token_id",
          "eos_token_id",
          "query_pre_attn_scalar",
          "rope_parameters");

  @TempDir Path folder;

  @Test
  void everyFamily() {
    Golden.folders("models", "model.safetensors")
        .where(GgufFamiliesTest::hasAGgufForm)
        .run(c -> {
          try (var arena = Arena.ofConfined()) {
            var model = Checkpoint.open(c.path(), arena);
            compare(model, Checkpoint.open(convert(model), arena));
          }
        });
  }

  private static boolean hasAGgufForm(Golden.Case c) {
    try (var arena = Arena.ofConfined()) {
      var config = Checkpoint.open(c.path(), arena).config();
      return FAMILIES.contains(config.path("model_type").asString())
          && config.path("architectures").path(0).asString().endsWith("ForCausalLM");
    }
  }

  private static void compare(Checkpoint model, Checkpoint gguf) {
    var names = new TreeSet<>(gguf.names());
    assertEquals(model.config().toString().contains("llama3"), names.remove("rope_freqs.weight"));
    assertEquals(new TreeSet<>(model.names()), names);
    boolean gemma = model.config().path("model_type").asString().startsWith("gemma");
    for (var name : model.names()) {
      assertEquals(model.info(name).shape(), gguf.info(name).shape(), name);
      var expected = model.readFloats(name);
      for (int i = 0; gemma && name.endsWith("norm.weight") && i < expected.length; i++) {
        expected[i] = (expected[i] + 1) - 1; // two roundings
      }
      assertArrayEquals(expected, gguf.readFloats(name), name);
    }
    for (var e : gguf.config().properties()) {
      var original = model.config().path(e.getKey());
      if (!original.isMissingNode() && !NOT_COMPARED.contains(e.getKey())) {
        assertEquals(original.toString(), e.getValue().toString(), e.getKey());
      }
    }
    var theta = gguf.config().path("rope_parameters").path("rope_theta");
    assertEquals(model.config().path("rope_parameters").path("rope_theta"), theta);
  }

  private static final Map<String, String> MODULES =
      Map.ofEntries(
          Map.entry("input_layernorm", "attn_norm"),
          Map.entry("post_attention_layernorm", "ffn_norm"),
          Map.entry("self_attn.q_proj", "attn_q"),
          Map.entry("self_attn.k_proj", "attn_k"),
          Map.entry("self_attn.v_proj", "attn_v"),
          Map.entry("self_attn.o_proj", "attn_output"),
          Map.entry("self_attn.q_norm", "attn_q_norm"),
          Map.entry("self_attn.k_norm", "attn_k_norm"),
          Map.entry("mlp.gate_proj", "ffn_gate"),
          Map.entry("mlp.up_proj", "ffn_up"),
          Map.entry("mlp.down_proj", "ffn_down"));

  private static String ggufName(String name, boolean gemma2) {
    switch (name) {
      case "model.embed_tokens.weight":
        return "token_embd.weight";
      case "model.norm.weight":
        return "output_norm.weight";
      case "lm_head.weight":
        return "output.weight";
      default:
    }
    var parts = name.split("\\.", 4); // model.layers.0.mlp.up_proj.weight
    int dot = parts[3].lastIndexOf('.');
    var module = parts[3].substring(0, dot);
    var mapped =
        !gemma2
            ? MODULES.get(module)
            : switch (module) {
              case "post_attention_layernorm" -> "post_attention_norm";
              case "pre_feedforward_layernorm" -> "ffn_norm";
              case "post_feedforward_layernorm" -> "post_ffw_norm";
              default -> MODULES.get(module);
            };
    return "blk." + parts[2] + "." + mapped + parts[3].substring(dot);
  }

  /** Writes the model's tensors in F32 and its settings. */
  private Path convert(Checkpoint model) throws Exception {
    var config = model.config();
    var type = config.path("model_type").asString();
    var tensors = new LinkedHashMap<String, TensorInfo>();
    var values = new LinkedHashMap<String, float[]>();
    for (var name : model.names()) {
      var stored = ggufName(name, type.equals("gemma2"));
      tensors.put(stored, model.info(name));
      values.put(stored, stored(type, config, stored, model.readFloats(name)));
    }
    if (config.path("rope_parameters").path("rope_type").asString().equals("llama3")) {
      tensors.put("rope_freqs.weight", new TensorInfo("", "F32", List.of(8L), 32));
      values.put("rope_freqs.weight", new float[8]);
    }
    var settings = settings(config, type.equals("mistral") ? "llama" : type);
    var bytes = GgufBytes.head(3, tensors.size(), settings.size());
    settings.forEach((key, value) -> setting(bytes.text(key), value));
    long offset = 0;
    for (var e : tensors.entrySet()) {
      var shape = e.getValue().shape().reversed();
      bytes.text(e.getKey()).u32(shape.size());
      shape.forEach(bytes::u64);
      bytes.u32(0).u64(offset);
      offset += 4L * e.getValue().elements() + 31 & -32;
    }
    bytes.pad();
    for (var tensor : values.values()) {
      for (float v : tensor) {
        bytes.u32(Float.floatToRawIntBits(v));
      }
      bytes.pad();
    }
    var file = folder.resolve("model.gguf");
    Files.write(file, bytes.toArray());
    return file;
  }

  private static float[] stored(String type, JsonNode config, String name, float[] values) {
    if (type.startsWith("gemma") && name.endsWith("norm.weight")) {
      for (int i = 0; i < values.length; i++) {
        values[i] += 1;
      }
    }
    boolean q = name.contains("attn_q.");
    if ((type.equals("llama") || type.equals("mistral")) && (q || name.contains("attn_k."))) {
      int heads = config.path(q ? "num_attention_heads" : "num_key_value_heads").asInt();
      return paired(values, heads, config.path("head_dim").asInt());
    }
    return values;
  }

  /** Row h d + 2 j + b of the file is row h d + b d / 2 + j of the model. */
  private static float[] paired(float[] values, int heads, int size) {
    int cols = values.length / (heads * size);
    var result = new float[values.length];
    for (int h = 0; h < heads; h++) {
      for (int j = 0; j < size / 2; j++) {
        for (int b = 0; b < 2; b++) {
          int from = h * size + b * (size / 2) + j;
          int to = h * size + 2 * j + b;
          System.arraycopy(values, from * cols, result, to * cols, cols);
        }
      }
    }
    return result;
  }

  private static Map<String, Object> settings(JsonNode config, String a) {
    var settings = new LinkedHashMap<String, Object>();
    settings.put("general.architecture", a);
    settings.put(a + ".context_length", config.path("max_position_embeddings").asInt());
    settings.put(a + ".embedding_length", config.path("hidden_size").asInt());
    settings.put(a + ".block_count", config.path("num_hidden_layers").asInt());
    settings.put(a + ".feed_forward_length", config.path("intermediate_size").asInt());
    settings.put(a + ".attention.head_count", config.path("num_attention_heads").asInt());
    settings.put(a + ".attention.head_count_kv", config.path("num_key_value_heads").asInt());
    settings.put(
        a + ".attention.layer_norm_rms_epsilon", (float) config.path("rms_norm_eps").asDouble());
    settings.put(
        a + ".rope.freq_base",
        (float) config.path("rope_parameters").path("rope_theta").asDouble());
    if (config.has("head_dim")) {
      settings.put(a + ".attention.key_length", config.path("head_dim").asInt());
      settings.put(a + ".attention.value_length", config.path("head_dim").asInt());
    }
    if (config.path("sliding_window").isNumber()) {
      settings.put(a + ".attention.sliding_window", config.path("sliding_window").asInt());
    }
    for (var cap : List.of("attn_logit_softcapping", "final_logit_softcapping")) {
      if (config.has(cap)) {
        settings.put(a + "." + cap, (float) config.path(cap).asDouble());
      }
    }
    return settings;
  }

  private static void setting(GgufBytes bytes, Object value) {
    switch (value) {
      case Integer i -> bytes.u32(4).u32(i);
      case Float f -> bytes.u32(6).u32(Float.floatToIntBits(f));
      default -> bytes.u32(8).text(value.toString());
    }
  }

  private void refused(String reason, Map<String, Object> settings) throws Exception {
    var bytes = GgufBytes.head(3, 0, settings.size());
    settings.forEach((key, value) -> setting(bytes.text(key), value));
    var file = folder.resolve("refused.gguf");
    Files.write(file, bytes.toArray());
    try (var arena = Arena.ofConfined()) {
      var e = assertThrows(CheckpointException.class, () -> Checkpoint.open(file, arena));
      assertTrue(e.getMessage().contains(reason), e.getMessage());
    }
  }

  @Test
  void filesThatAreNotModelsToBeRead() throws Exception {
    refused("architecture \"\"", Map.of());
    refused("architecture \"mamba\"", Map.of("general.architecture", "mamba"));
    refused("LoRA adapter", Map.of("general.architecture", "llama", "general.type", "adapter"));
    refused("split file", Map.of("general.architecture", "llama", "split.count", 3));
    refused("mixture", Map.of("general.architecture", "llama", "llama.expert_count", 8));
    refused("no positive llama.block_count", Map.of("general.architecture", "llama"));
    refused(
        "scaling \"longrope\"",
        Map.of("general.architecture", "llama", "llama.rope.scaling.type", "longrope"));
  }
}
