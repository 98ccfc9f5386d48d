package io.gatun.runtime.cli;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LabelsFile;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Classifier;
import io.gatun.runtime.model.ClassifierConfig;
import io.gatun.runtime.model.Labels;
import io.gatun.runtime.predict.Predictor;
import io.gatun.runtime.text.Tokenizer;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.util.Optional;

/** A classifier, its tokenizer and perhaps an adapter, as the flags ask for them. */
final class LoadedClassifier implements AutoCloseable {
  private final Device device;
  private final Arena memory;
  private final Tokenizer tokenizer;
  private final Classifier classifier;
  private final Optional<LoraAdapter> adapter;
  private final boolean baseClassifies;

  private LoadedClassifier(
      Device device,
      Arena memory,
      Tokenizer tokenizer,
      Classifier classifier,
      Optional<LoraAdapter> adapter,
      boolean baseClassifies) {
    this.device = device;
    this.memory = memory;
    this.tokenizer = tokenizer;
    this.classifier = classifier;
    this.adapter = adapter;
    this.baseClassifies = baseClassifies;
  }

  /**
   * Loads everything: the adapter first, which says what is wrong with it before a large base is
   * read. Frees what was loaded when one part fails.
   */
  static LoadedClassifier open(ModelOptions options, AdapterOption lora, PrintWriter err) {
    var model = options.hub.model(options.path);
    var folder = lora.path.map(options.hub::adapter);
    var device = options.format.device.open(err);
    var memory = Arena.ofShared();
    try (var files = Arena.ofShared()) {
      var checkpoint = Checkpoint.open(model, files);
      var labels =
          folder
              .map(path -> LabelsFile.of(path, checkpoint))
              .orElseGet(() -> Labels.of(checkpoint));
      var config = ClassifierConfig.of(checkpoint, labels);
      if (folder.isEmpty()) {
        requireHead(options, config);
      }
      var adapter = folder.map(path -> LoraAdapter.load(path, config, device, memory));
      var tokenizer = ModelFiles.tokenizer(checkpoint, config);
      try {
        var compute = options.compute();
        var format = lora.path.isPresent() ? options.format.format() : asTrained(options);
        var classifier = Classifier.load(checkpoint, labels, format, compute, device, memory);
        boolean alone = config.newModules().isEmpty() && labels.equals(Labels.of(checkpoint));
        return new LoadedClassifier(device, memory, tokenizer, classifier, adapter, alone);
      } catch (RuntimeException e) {
        tokenizer.close();
        throw e;
      }
    } catch (RuntimeException e) {
      memory.close();
      device.close();
      throw e;
    }
  }

  /** A head without adapter, perhaps of a merged model, is exact on weights of no fewer bits. */
  private static WeightFormat asTrained(ModelOptions options) {
    return options.format.formatOr(
        options.compute() == DType.F32 ? WeightFormat.f32() : WeightFormat.bf16());
  }

  private static void requireHead(ModelOptions options, ClassifierConfig config) {
    var missing = config.newModules();
    if (!missing.isEmpty()) {
      throw new UsageException(
          "%s classifies nothing yet: it has no weights for %s; give the adapter that holds them with --adapter-path, or train one with 'gatun train --task classification'"
              .formatted(options.path, String.join(" and ", missing)));
    }
  }

  Classifier classifier() {
    return classifier;
  }

  /** Most tokens of a text: as many as are asked for, else all that the model reads. */
  int maxLength(Optional<Integer> asked) {
    int context = classifier.config().contextLength();
    if (asked.isPresent() && (asked.get() < 1 || asked.get() > context)) {
      throw new UsageException(
          "--max-seq-length is %,d; the model reads 1 to %,d tokens"
              .formatted(asked.get(), context));
    }
    return asked.orElse(context);
  }

  Tokenizer tokenizer() {
    return tokenizer;
  }

  Optional<LoraAdapter> adapter() {
    return adapter;
  }

  /** Whether the base has a head of its own for these labels. */
  boolean baseClassifies() {
    return baseClassifies;
  }

  /** With the adapter, if there is one. */
  Predictor predictor() {
    return adapter
        .map(lora -> Predictor.of(classifier, tokenizer, lora))
        .orElseGet(() -> Predictor.of(classifier, tokenizer));
  }

  @Override
  public void close() {
    tokenizer.close();
    memory.close();
    device.close();
  }
}
