package io.gatun.runtime.train;

import io.gatun.kernels.DType;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.model.EncoderConfig;
import java.time.Instant;
import java.util.LinkedHashMap;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** The first line of metrics.jsonl: what is trained on what, and how. */
final class RunHeader {
  private RunHeader() {}

  static ObjectNode of(RunSetup setup) {
    var header =
        JsonNodeFactory.instance
            .objectNode()
            .put("run", "train")
            .put("started", Instant.now().toString())
            .put("steps", setup.steps());
    setup.task().describe(header);
    plan(header.putObject("plan"), setup);
    if (setup.hasEvaluations()) {
      evaluation(header.putObject("evaluation"), setup);
    }
    return header;
  }

  /** Notes base and adapter. */
  static void model(
      ObjectNode header, BaseConfig base, LoraAdapter adapter, DType compute, KeptBlocks kept) {
    var model = header.putObject("model");
    model
        .put("type", base.modelType())
        .put("layers", base.layers())
        .put("hidden", base.hidden())
        .put("vocabulary", base.vocabulary())
        .put("compute", compute.name())
        .put("kept_blocks", kept.activations())
        .put("decoded_blocks", kept.decoded());
    dropout(model.putObject("dropout"), base);
    header
        .putObject("adapter")
        .put("rank", adapter.config().rank())
        .put("alpha", adapter.config().alpha())
        .put("dropout", adapter.config().dropout())
        .put("modules", adapter.layers().size())
        .put("parameters", adapter.parameterCount());
  }

  /** Of the base, without what is zero. */
  private static void dropout(ObjectNode node, BaseConfig base) {
    var places = new LinkedHashMap<String, Float>();
    switch (base.backbone()) {
      case DecoderConfig c -> places.put("attention_weights", c.attentionDropout());
      case EncoderConfig c -> {
        places.put("embeddings", c.dropout().embeddings());
        places.put("attention_weights", c.dropout().weights());
        places.put("attention_output", c.dropout().output());
        places.put("feed_forward_output", c.dropout().down());
      }
    }
    base.head().forEach(layer -> places.put(layer.path(), layer.dropout()));
    places.values().removeIf(p -> p == 0);
    places.forEach(node::put);
  }

  private static void plan(ObjectNode node, RunSetup setup) {
    var plan = setup.plan();
    node.put("batch_size", plan.batches().size())
        .put("accumulation", plan.batches().accumulation())
        .put("micro_batch_tokens", plan.batches().tokens())
        .put("shuffled", plan.batches().shuffled())
        .put("seed", plan.batches().seed())
        .put("learning_rate", plan.learningRate().peak())
        .put("schedule", plan.learningRate().schedule().title())
        .put("warmup_steps", plan.learningRate().warmup().of(setup.steps()))
        .put("weight_decay", plan.optimizer().weightDecay())
        .put("max_grad_norm", plan.optimizer().maxGradNorm());
  }

  private static void evaluation(ObjectNode node, RunSetup setup) {
    var evaluation = setup.plan().evaluation();
    node.put("every", evaluation.every())
        .put("metric", setup.metric().key())
        .put("patience", evaluation.patience())
        .put("threshold", evaluation.threshold())
        .put("keep", evaluation.keep() == Evaluation.Keep.BEST ? "best" : "last");
  }
}
