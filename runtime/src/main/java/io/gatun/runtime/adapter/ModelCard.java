package io.gatun.runtime.adapter;

import io.gatun.runtime.model.ClassifierConfig;

/** README.md of an adapter folder, as model hubs read it: a block of YAML, then text. */
final class ModelCard {
  static final String NAME = "README.md";

  private ModelCard() {}

  static String text(LoraAdapter adapter) {
    var config = adapter.config();
    String base = config.baseModel().isEmpty() ? "its base model" : "`" + config.baseModel() + "`";
    String metadata =
        config.baseModel().isEmpty() ? "" : "base_model: " + quoted(config.baseModel()) + "\n";
    String labels =
        adapter.base() instanceof ClassifierConfig classifier
            ? "Its head tells apart: " + String.join(", ", classifier.labels().names()) + ".\n"
            : "";
    return """
    ---
    %slibrary_name: peft
    pipeline_tag: %s
    tags:
    - lora
    ---

    # LoRA adapter

    For %s. Rank %d, alpha %s, dropout %s, %d layers, %,d parameters.
    %sWritten by Gatun in the format of PEFT.
    """
        .formatted(
            metadata,
            labels.isEmpty() ? "text-generation" : "text-classification",
            base,
            config.rank(),
            config.alpha(),
            config.dropout(),
            adapter.layers().size(),
            adapter.parameterCount(),
            labels);
  }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", " ") + '"';
  }
}
