package io.gatun.runtime.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.model.UnsupportedException;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.ObjectMapper;

/** PEFT's rules on a model of three blocks. */
class ModuleSelectionTest {
  static final DecoderConfig MODEL =
      DecoderConfig.read(
          new ObjectMapper()
              .readTree(
                  """
                  {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 3,
                   "num_attention_heads": 4, "vocab_size": 100, "intermediate_size": 96}
                  """));

  private static LoraConfig config(String json) {
    return AdapterConfigFile.parse(
        new ObjectMapper().readTree("{\"peft_type\": \"LORA\", " + json + "}"), MODEL);
  }

  private static List<String> select(String json) {
    return ModuleSelection.select(config(json), MODEL).stream()
        .map(layer -> layer.linear().path().replace("model.layers.", ""))
        .toList();
  }

  @Test
  void aListMeansEnds() {
    assertEquals(
        List.of("0.self_attn.q_proj", "1.self_attn.q_proj", "2.self_attn.q_proj"),
        select("\"target_modules\": [\"q_proj\"]"));
    assertEquals(
        List.of("1.self_attn.q_proj"),
        select("\"target_modules\": [\"layers.1.self_attn.q_proj\"]"));
    assertEquals(6, select("\"target_modules\": null").size());
    assertEquals(21, select("\"target_modules\": \"All-Linear\"").size());
  }

  @Test
  void aStringIsARegexOfTheWholePath() {
    assertEquals(3, select("\"target_modules\": \".*q_proj\"").size());
    var nothing =
        assertThrows(
            IllegalArgumentException.class, () -> select("\"target_modules\": \"q_proj\""));
    assertTrue(
        nothing.getMessage().contains("\"q_proj\" match no linear layer"), nothing.getMessage());
  }

  @Test
  void exclusionComesFirst() {
    assertEquals(
        List.of("0.self_attn.q_proj", "2.self_attn.q_proj"),
        select("\"target_modules\": [\"q_proj\"], \"exclude_modules\": [\"1.self_attn.q_proj\"]"));
    assertEquals(
        14,
        select("\"target_modules\": \"all-linear\", \"exclude_modules\": \".*layers\\\\.0\\\\..*\"")
            .size());
  }

  @Test
  void layersApplyToEndsOnly() {
    assertEquals(
        List.of("2.self_attn.q_proj"),
        select("\"target_modules\": [\"q_proj\"], \"layers_to_transform\": 2"));
    assertEquals(
        List.of("0.self_attn.q_proj", "1.self_attn.v_proj", "2.self_attn.v_proj"),
        select(
            """
            "target_modules": ["v_proj", "model.layers.0.self_attn.q_proj"],
            "layers_to_transform": [1, 2]
            """));
    assertEquals(
        List.of("1.self_attn.v_proj"),
        select(
            """
            "target_modules": ["v_proj"], "layers_to_transform": [1], "layers_pattern": "layers"
            """));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            select(
                """
                "target_modules": ["v_proj"], "layers_to_transform": [1], "layers_pattern": "h"
                """));
    assertThrows(
        IllegalArgumentException.class,
        () -> config("\"target_modules\": \".*v_proj\", \"layers_to_transform\": [1]"));
  }

  @Test
  void patternsGiveRankAndAlphaInOrder() {
    var config =
        config(
            """
            "r": 4, "lora_alpha": 8, "target_modules": "all-linear",
            "rank_pattern": {"q_proj": 2, "layers\\\\.1\\\\..*": 6}, "alpha_pattern": {"v_proj": 16}
            """);
    var layers = ModuleSelection.select(config, MODEL);
    assertEquals(2, rank(layers, "model.layers.1.self_attn.q_proj"));
    assertEquals(6, rank(layers, "model.layers.1.self_attn.k_proj"));
    assertEquals(4, rank(layers, "model.layers.2.self_attn.k_proj"));
    assertEquals(8f / 2, config.scaleOf("model.layers.1.self_attn.q_proj"));
    assertEquals(16f / 6, config.scaleOf("model.layers.1.self_attn.v_proj"));
    assertEquals(
        (float) (8 / Math.sqrt(4)),
        config("\"r\": 4, \"lora_alpha\": 8, \"use_rslora\": true").scaleOf("x"));
  }

  private static int rank(List<AdaptedLayer> layers, String path) {
    return layers.stream()
        .filter(layer -> layer.linear().path().equals(path))
        .findFirst()
        .orElseThrow()
        .rank();
  }

  @Test
  void refusesWhatIsNoLinearLayer() {
    var head =
        assertThrows(
            UnsupportedException.class,
            () -> select("\"target_modules\": [\"q_proj\", \"lm_head\"]"));
    assertTrue(head.getMessage().contains("lm_head is not supported yet"), head.getMessage());
    var norm =
        assertThrows(
            IllegalArgumentException.class,
            () -> select("\"target_modules\": [\"input_layernorm\"]"));
    assertTrue(norm.getMessage().contains("no linear layer"), norm.getMessage());
  }

  @Test
  void layoutStacksSiblings() {
    var layers =
        ModuleSelection.select(
            config("\"r\": 3, \"target_modules\": [\"q_proj\", \"v_proj\", \"down_proj\"]"), MODEL);
    var layout = new FactorLayout(layers, List.of());
    var group = layout.group(1, io.gatun.runtime.model.Projection.QKV).orElseThrow();
    assertEquals(6, group.rank());
    assertEquals(64, group.cols());
    assertEquals(3, group.members().get(1).firstRank());
    assertEquals(128, group.members().get(1).layer().linear().firstRow());
    assertTrue(layout.group(1, io.gatun.runtime.model.Projection.OUTPUT).isEmpty());
    assertEquals(6, layout.groups().size());
    long parameters = layers.stream().mapToLong(AdaptedLayer::parameters).sum();
    assertTrue(layout.floats() >= parameters && layout.floats() < parameters + 9 * 16);
  }
}
