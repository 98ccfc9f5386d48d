package io.gatun.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.Activation;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.ObjectMapper;

class EncoderConfigTest {
  private static final String SIZES =
      """
      "vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
      "intermediate_size": 48\
      """;

  private static EncoderConfig read(String json) {
    return new EncoderReader(new ConfigValues(new ObjectMapper().readTree("{" + json + "}")))
        .read();
  }

  private static String refusal(String json) {
    return assertThrows(UnsupportedException.class, () -> read(json)).getMessage();
  }

  @Test
  void defaultsOfBert() {
    var config = read("\"model_type\": \"bert\", " + SIZES);
    assertEquals(Activation.GELU, config.activation());
    assertEquals(1e-12f, config.normEps());
    assertEquals(512, config.contextLength());
    assertEquals(2, config.tokenTypes());
    assertEquals(16, config.headDim());
    assertArrayEquals(new int[] {0, 1, 2}, config.positions(0, 5, 0));
    assertEquals(List.of("query", "value"), config.defaultTargets());
    assertEquals(List.of("query", "key", "value", "dense"), config.linearNames());
    assertEquals(12, config.linearLayers().size());
    assertFalse(config.attention().causal());
    var second = config.linearLayers(1, Projection.QKV).get(1);
    assertEquals("bert.encoder.layer.1.attention.self.key", second.path());
    assertEquals(32, second.firstRow());
  }

  @Test
  void positionsCountFromThePaddingToken() {
    var config = read("\"model_type\": \"roberta\", \"max_position_embeddings\": 42, " + SIZES);
    assertEquals(1, config.padding());
    assertEquals(40, config.contextLength());
    assertArrayEquals(new int[] {2, 3, 1, 4, 1}, config.positions(0, 9, 1, 7, 1));
  }

  @Test
  void otherNamesOfTheSameThings() {
    var config =
        read(
            """
            "model_type": "distilbert", "vocab_size": 100, "dim": 32, "n_layers": 2, "n_heads": 2,
            "hidden_dim": 48, "activation": "relu"
            """);
    assertEquals(Activation.RELU, config.activation());
    assertEquals(0, config.tokenTypes());
    assertTrue(config.defaultTargets().isEmpty());
    assertEquals(
        List.of("q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"), config.linearNames());
    assertFalse(config.tensors().containsKey(WeightNames.weight(config.names().types())));
    assertEquals(4 + 2 * (4 + 6 * 2), config.tensors().size());
  }

  @Test
  void dropoutIsThatOfTransformers() {
    String bert = "\"model_type\": \"bert\", " + SIZES;
    var config = read(bert);
    assertEquals(new EncoderDropout(0.1f, 0.1f, 0.1f, 0.1f, 0, 0.1f), config.dropout());
    assertEquals(EncoderDropout.NONE, config.withoutDropout().dropout());
    assertEquals(
        new EncoderDropout(0.2f, 0, 0.2f, 0.2f, 0, 0.2f),
        read(bert
                + ", \"hidden_dropout_prob\": 0.2, \"attention_probs_dropout_prob\": 0,"
                + " \"classifier_dropout\": null")
            .dropout());
    assertEquals(
        new EncoderDropout(0.1f, 0.1f, 0.1f, 0.1f, 0.3f, 0.3f),
        read("\"model_type\": \"roberta\", \"classifier_dropout\": 0.3, " + SIZES).dropout());
    String distilbert =
        """
        "model_type": "distilbert", "vocab_size": 100, "dim": 32, "n_layers": 2, "n_heads": 2,
        "hidden_dim": 48\
        """;
    assertEquals(new EncoderDropout(0.1f, 0.1f, 0, 0.1f, 0, 0.2f), read(distilbert).dropout());
    assertEquals(
        new EncoderDropout(0.3f, 0.4f, 0, 0.3f, 0, 0.5f),
        read(distilbert
                + ", \"dropout\": 0.3, \"attention_dropout\": 0.4, \"seq_classif_dropout\": 0.5")
            .dropout());
    for (String wrong : new String[] {"-0.1", "1", "1e99", "\"a\""}) {
      String sentence = refusal(bert + ", \"hidden_dropout_prob\": " + wrong);
      assertTrue(sentence.contains("config.json: hidden_dropout_prob is "), sentence);
    }
    assertEquals(
        "config.json: classifier_dropout is 1.5, not a probability from 0 to below 1",
        refusal(bert + ", \"classifier_dropout\": 1.5"));
  }

  /** No mask of the base is one of the adapters', nor are two of the base the same. */
  @Test
  void masksHaveNumbersOfTheirOwn() {
    var numbers = new HashSet<Integer>();
    for (int layer = 0; layer <= 200; layer++) {
      for (var projection : Projection.values()) {
        assertTrue(numbers.add(Pass.tensor(layer, projection)));
      }
      for (var place : DropoutPlace.values()) {
        assertTrue(numbers.add(place.tensor(layer)));
      }
    }
  }

  @Test
  void namesEveryModuleOnce() {
    var config = read("\"model_type\": \"bert\", " + SIZES);
    var modules = config.otherModules();
    assertEquals(modules.size(), modules.stream().distinct().count());
    assertTrue(modules.contains("bert.encoder.layer.0.attention.output"));
    assertTrue(modules.contains("bert.embeddings.word_embeddings"));
    assertFalse(modules.contains("bert.encoder.layer.0.attention.output.dense"));
  }

  @Test
  void refusesByName() {
    assertTrue(refusal("\"model_type\": \"deberta\"").contains("supported are bert, distilbert"));
    String bert = "\"model_type\": \"bert\", ";
    assertTrue(refusal(bert + "\"vocab_size\": 7").contains("hidden_size is missing"));
    assertTrue(
        refusal(bert + SIZES + ", \"position_embedding_type\": \"relative_key\"")
            .contains("relative_key is not supported"));
    assertTrue(refusal(bert + SIZES + ", \"is_decoder\": true").contains("is_decoder"));
    assertTrue(refusal(bert + SIZES + ", \"hidden_act\": \"mish\"").contains("\"mish\""));
    assertTrue(
        refusal(bert + SIZES + ", \"max_position_embeddings\": 0").contains("do not fit together"));
    assertTrue(refusal(bert + SIZES.replace("heads\": 2", "heads\": 3")).contains("no multiple"));
    assertTrue(refusal(bert + SIZES.replace("heads\": 2", "heads\": 0")).contains("positive"));
  }
}
