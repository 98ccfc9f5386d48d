package io.gatun.runtime.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.Activation;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.ObjectMapper;

class DecoderConfigTest {
  private static final String SIZES =
      """
      "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 8,
      "vocab_size": 100, "intermediate_size": 96
      """;

  private static DecoderConfig read(String type, String more) {
    return DecoderConfig.read(
        new ObjectMapper().readTree("{\"model_type\": \"" + type + "\", " + SIZES + more + "}"));
  }

  private static String refusal(String type, String more) {
    return assertThrows(UnsupportedException.class, () -> read(type, more)).getMessage();
  }

  @Test
  void llamaDefaults() {
    var c = read("llama", "");
    assertEquals(8, c.kvHeads());
    assertEquals(8, c.headDim());
    assertEquals(Activation.SILU, c.activation());
    assertEquals(1e-6f, c.normEps());
    assertEquals(List.of(0, 0, 0), c.windows());
    assertEquals(new RopeTable(10000, 8, new RopeScaling.None()), c.rope());
    assertFalse(c.tiedHead() || c.qkvBias() || c.outputBias() || c.mlpBias() || c.headNorms());
    assertEquals((float) Math.pow(8, -0.5), c.attentionScale());
    assertEquals(192, c.outputCols(Projection.QKV));
    assertEquals(21, c.linearLayers().size());
    assertEquals(
        new LinearLayer("model.layers.1.self_attn.v_proj", 1, Projection.QKV, 128, 64, 64),
        c.linearLayers().get(9));
  }

  @Test
  void attentionDropout() {
    assertEquals(0, read("llama", "").attentionDropout());
    var c = read("qwen2", ", \"attention_dropout\": 0.2");
    assertEquals(0.2f, c.attentionDropout());
    assertEquals(0, c.withoutDropout().attentionDropout());
    assertEquals(
        "config.json: attention_dropout is 1.0, not a probability from 0 to below 1",
        refusal("llama", ", \"attention_dropout\": 1"));
  }

  @Test
  void llamaBiases() {
    var c = read("llama", ", \"attention_bias\": true, \"mlp_bias\": true");
    assertTrue(c.qkvBias() && c.outputBias() && c.mlpBias());
  }

  @Test
  void mistralHasAWindowUnlessNull() {
    assertEquals(
        List.of(4096, 4096, 4096), read("mistral", ", \"num_key_value_heads\": 2").windows());
    assertEquals(List.of(0, 0, 0), read("mistral", ", \"sliding_window\": null").windows());
    assertEquals(List.of(5, 5, 5), read("mistral", ", \"sliding_window\": 5").windows());
    assertEquals(8, read("mistral", "").kvHeads());
  }

  @Test
  void qwen2WindowNeedsTheSwitchAndTheLayer() {
    String window = ", \"sliding_window\": 7, \"max_window_layers\": 1";
    assertEquals(List.of(0, 0, 0), read("qwen2", window).windows());
    assertEquals(
        List.of(0, 7, 7), read("qwen2", window + ", \"use_sliding_window\": true").windows());
    String types =
        ", \"layer_types\": [\"sliding_attention\", \"full_attention\", \"sliding_attention\"]";
    assertEquals(
        List.of(7, 0, 7),
        read("qwen2", window + types + ", \"use_sliding_window\": true").windows());
    assertTrue(read("qwen2", "").qkvBias());
    assertFalse(read("qwen2", "").outputBias());
  }

  @Test
  void qwen3NormsHeads() {
    var c = read("qwen3", "");
    assertTrue(c.headNorms());
    assertEquals(128, c.headDim());
    assertEquals(1024, c.queryCols());
  }

  @Test
  void gemmaIsTiedScaledAndTanh() {
    var c = read("gemma", ", \"hidden_act\": \"gelu\"");
    assertTrue(c.tiedHead());
    assertEquals(8, c.embeddingScale());
    assertEquals(1, c.normOffset());
    assertEquals(Activation.GELU_TANH, c.activation());
    assertEquals(256, c.headDim());
    assertFalse(c.sandwichNorms());
  }

  @Test
  void gemma2CapsAndAlternates() {
    var c = read("gemma2", ", \"sliding_window\": 5");
    assertEquals(List.of(5, 0, 5), c.windows());
    assertEquals(50, c.attentionSoftCap());
    assertEquals(30, c.logitSoftCap());
    assertEquals(1f / 16, c.attentionScale());
    assertTrue(c.sandwichNorms());
    assertEquals(0, read("gemma2", ", \"attn_logit_softcapping\": null").attentionSoftCap());
  }

  @Test
  void ropeInTheLayoutsOfBothVersions() {
    var old =
        read(
            "llama",
            ", \"rope_theta\": 5e5, \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.0}");
    var current =
        read(
            "llama",
            """
            , "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500000.0}
            """);
    assertEquals(new RopeTable(500000, 8, new RopeScaling.Linear(2)), old.rope());
    assertEquals(old.rope(), current.rope());
    assertEquals(
        new RopeScaling.None(), read("llama", ", \"rope_scaling\": null").rope().scaling());
  }

  @Test
  void yarnAttentionFactor() {
    var rope =
        read(
                "llama",
                """
                , "max_position_embeddings": 256,
                "rope_parameters": {"rope_type": "yarn", "factor": 4.0,
                "original_max_position_embeddings": 64}
                """)
            .rope();
    var yarn = (RopeScaling.Yarn) rope.scaling();
    assertEquals(1.138629436111989f, yarn.attentionFactor());
    assertEquals(64, yarn.originalLength());
  }

  @Test
  void refusesAllAtOnce() {
    String message =
        refusal(
            "llama",
            """
            , "architectures": ["LlamaForSequenceClassification"],
            "quantization_config": {"quant_method": "gptq"}
            """);
    assertTrue(message.contains("a model that classifies is loaded as a classifier"), message);
    assertTrue(message.contains("\"gptq\" is not supported; supported are bitsandbytes"), message);
  }

  @Test
  void refusesByName() {
    assertTrue(refusal("bert", "").contains("is an encoder, which does not generate"));
    assertTrue(
        refusal("mixtral", "")
            .contains(
                "\"mixtral\" is not supported; supported are"
                    + " gemma, gemma2, llama, mistral, qwen2, qwen3"));
    assertTrue(
        refusal("llama", ", \"partial_rotary_factor\": 0.5").contains("partial_rotary_factor"));
    assertTrue(refusal("llama", ", \"rope_scaling\": {\"type\": \"mrope\"}").contains("\"mrope\""));
    assertTrue(refusal("llama", ", \"hidden_act\": \"relu\"").contains("\"relu\""));
    assertTrue(refusal("llama", ", \"num_key_value_heads\": 3").contains("no multiple"));
    var empty = new ObjectMapper().readTree("{\"model_type\": \"llama\"}");
    var message =
        assertThrows(UnsupportedException.class, () -> DecoderConfig.read(empty)).getMessage();
    assertTrue(message.contains("hidden_size is missing; num_hidden_layers is missing"), message);
  }
}
