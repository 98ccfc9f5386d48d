package io.gatun.runtime.model;

import io.gatun.kernels.Activation;
import java.util.Map;
import java.util.Set;

/** Reads the config.json of an encoder: defaults and rules of formats.md 5.6 to 5.8. */
final class EncoderReader {
  private static final Set<String> SUPPORTED =
      Set.of("bert", "distilbert", "roberta", "xlm-roberta");
  private static final Map<String, Activation> ACTIVATIONS =
      Map.of(
          "gelu", Activation.GELU,
          "gelu_new", Activation.GELU_TANH,
          "gelu_fast", Activation.GELU_TANH,
          "gelu_pytorch_tanh", Activation.GELU_TANH,
          "relu", Activation.RELU,
          "silu", Activation.SILU,
          "swish", Activation.SILU,
          "tanh", Activation.TANH);

  private final ConfigValues values;
  private final String type;

  /**
   * A configuration to be read.
   *
   * @param values of config.json, their architecture accepted by the caller
   */
  EncoderReader(ConfigValues values) {
    this.values = values;
    this.type = values.modelType();
  }

  /** Whether models of a type are encoders that are read. */
  static boolean supports(String modelType) {
    return SUPPORTED.contains(modelType);
  }

  EncoderConfig read() {
    refuseOtherModels();
    boolean distil = type.equals("distilbert");
    boolean counted = type.endsWith("roberta");
    int hidden = values.required(distil ? "dim" : "hidden_size");
    int heads = values.required(distil ? "n_heads" : "num_attention_heads");
    int layers = values.required(distil ? "n_layers" : "num_hidden_layers");
    int feedForward = values.required(distil ? "hidden_dim" : "intermediate_size");
    int vocabulary = values.required("vocab_size");
    values.throwProblems();
    return checked(
        new EncoderConfig(
            type,
            distil
                ? EncoderNames.distilbert()
                : counted ? EncoderNames.roberta() : EncoderNames.bert(),
            vocabulary,
            hidden,
            layers,
            heads,
            feedForward,
            activation(distil ? "activation" : "hidden_act"),
            distil ? 1e-12f : (float) values.number("layer_norm_eps", 1e-12),
            values.integer("max_position_embeddings", 512),
            counted ? values.integer("pad_token_id", 1) : -1,
            distil ? 0 : values.integer("type_vocab_size", 2),
            distil ? ofDistilbert() : ofBert(counted)));
  }

  private EncoderDropout ofBert(boolean densely) {
    float hidden = values.probability("hidden_dropout_prob", 0.1f);
    float weights = values.probability("attention_probs_dropout_prob", 0.1f);
    float labels = values.probability("classifier_dropout", hidden);
    return new EncoderDropout(hidden, weights, hidden, hidden, densely ? labels : 0, labels);
  }

  private EncoderDropout ofDistilbert() {
    float hidden = values.probability("dropout", 0.1f);
    float weights = values.probability("attention_dropout", 0.1f);
    float labels = values.probability("seq_classif_dropout", 0.2f);
    return new EncoderDropout(hidden, weights, 0, hidden, 0, labels);
  }

  private EncoderConfig checked(EncoderConfig config) {
    if (config.hidden() % config.heads() != 0) {
      values.problem(
          "hidden size %d is no multiple of %d attention heads"
              .formatted(config.hidden(), config.heads()));
    }
    if (config.contextLength() < 1 || config.padding() < -1 || config.tokenTypes() < 0) {
      values.problem(
          "max_position_embeddings %d, pad_token_id %d and type_vocab_size %d do not fit together"
              .formatted(config.positions(), config.padding(), config.tokenTypes()));
    }
    values.throwProblems();
    return config;
  }

  private Activation activation(String key) {
    return values.activation(key, values.json().path(key).asString("gelu"), ACTIVATIONS);
  }

  private void refuseOtherModels() {
    if (!supports(type)) {
      values.problem(
          "model_type \"%s\" is no supported encoder; supported are %s"
              .formatted(type, String.join(", ", SUPPORTED.stream().sorted().toList())));
    }
    String positions = values.json().path("position_embedding_type").asString("absolute");
    if (!positions.equals("absolute")) {
      values.problem(
          "position_embedding_type " + positions + " is not supported; absolute positions are");
    }
    if (values.flag("is_decoder", false) || values.flag("add_cross_attention", false)) {
      values.problem("is_decoder and add_cross_attention are not supported; encoders are");
    }
    values.refuseQuantization();
    values.throwProblems();
  }
}
