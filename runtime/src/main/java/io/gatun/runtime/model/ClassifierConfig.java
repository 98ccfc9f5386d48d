package io.gatun.runtime.model;

import io.gatun.kernels.Activation;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.CheckpointException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The shape of a classifier of sequences: a backbone and a head of one or two dense layers on one
 * token of each sequence.
 *
 * @param backbone the encoder, or the decoder without its output head
 * @param head first to last layer; the last has a row for each label
 * @param labels what is told apart
 * @param padding token that cannot be a sequence's last, -1 for none
 * @param initializerRange standard deviation of new weights
 */
public record ClassifierConfig(
    BackboneConfig backbone,
    List<HeadLayer> head,
    Labels labels,
    int padding,
    double initializerRange)
    implements BaseConfig {
  /** Modules that PEFT trains whole in every classifier (formats.md 4.7). */
  public static final List<String> ALWAYS_TRAINED = List.of("classifier", "score");

  private static final String SCORE = "score";

  /** Copies the layers. */
  public ClassifierConfig {
    head = List.copyOf(head);
  }

  /**
   * The shape of a checkpoint's model as a classifier. The checkpoint may be a classifier of these
   * labels, or a model without such a head, which then is new.
   *
   * @param checkpoint the files
   * @param labels what is to be told apart
   * @return the shape
   * @throws UnsupportedException naming everything in config.json that is not supported
   * @throws CheckpointException if the files hold a head for another number of labels
   */
  public static ClassifierConfig of(Checkpoint checkpoint, Labels labels) {
    var values = new ConfigValues(checkpoint.config());
    values.requireArchitecture(
        List.of(
            "ForSequenceClassification", "ForCausalLM", "ForMaskedLM", "ForPreTraining", "Model"),
        "classifiers of whole sequences are read, and models without such a head");
    var backbone = backbone(checkpoint, values);
    int padding = backbone instanceof DecoderConfig ? values.integer("pad_token_id", -1) : -1;
    double deviation = values.number("initializer_range", 0.02);
    values.throwProblems();
    var unknown =
        new ClassifierConfig(backbone, layers(backbone, labels.size()), labels, padding, deviation);
    var names = unknown.named(checkpoint).names();
    var head =
        unknown.head().stream()
            .map(layer -> layer.in(names.contains(WeightNames.weight(layer.path()))))
            .toList();
    var config = new ClassifierConfig(backbone, head, labels, padding, deviation);
    config.requireSameLabels(checkpoint);
    return config;
  }

  /**
   * Whether a model can be nothing but a classifier: it has a head for labels, or is an encoder.
   *
   * @param checkpoint the files
   * @return false for a language model, which may still become a classifier
   */
  public static boolean isClassifier(Checkpoint checkpoint) {
    var values = new ConfigValues(checkpoint.config());
    return EncoderReader.supports(values.modelType())
        || checkpoint
            .config()
            .path("architectures")
            .valueStream()
            .anyMatch(name -> name.asString("").endsWith("ForSequenceClassification"));
  }

  private static BackboneConfig backbone(Checkpoint checkpoint, ConfigValues values) {
    return EncoderReader.supports(values.modelType())
        ? new EncoderReader(values).read()
        : new ConfigReader(values).read().withDivisors(checkpoint).withoutHead();
  }

  private static List<HeadLayer> layers(BackboneConfig backbone, int labels) {
    int hidden = backbone.hidden();
    return switch (backbone) {
      case DecoderConfig _ ->
          List.of(new HeadLayer(SCORE, hidden, labels, false, Optional.empty(), 0, false));
      case EncoderConfig encoder -> {
        var names = encoder.names();
        Optional<Activation> activation = Optional.of(names.denseActivation());
        var drop = encoder.dropout();
        yield List.of(
            new HeadLayer(names.dense(), hidden, hidden, true, activation, drop.dense(), false),
            new HeadLayer(
                names.labels(), hidden, labels, true, Optional.empty(), drop.labels(), false));
      }
    };
  }

  private void requireSameLabels(Checkpoint checkpoint) {
    var last = head.getLast();
    if (!last.stored()) {
      return;
    }
    var shape = named(checkpoint).info(WeightNames.weight(last.path())).shape();
    if (!shape.isEmpty() && shape.getFirst() != last.outputs()) {
      throw new CheckpointException(
          checkpoint.path(),
          "its head %s is for %d labels (%s), not for %d (%s); load it with its own labels, or begin"
                  .formatted(last.path(), shape.getFirst(), shape, labels.size(), labels.names())
              + " with a model that has no head yet");
    }
  }

  /** The same classifier with every layer of its head. */
  ClassifierConfig complete() {
    var layers = head.stream().map(layer -> layer.in(true)).toList();
    return new ClassifierConfig(backbone, layers, labels, padding, initializerRange);
  }

  /**
   * The same classifier, in which training drops nothing of the base.
   *
   * @return the changed shape
   */
  public ClassifierConfig withoutDropout() {
    var layers = head.stream().map(HeadLayer::withoutDropout).toList();
    return new ClassifierConfig(
        backbone.withoutDropout(), layers, labels, padding, initializerRange);
  }

  /**
   * Head layers that the base has no weights for: their values are random until they are trained,
   * and an adapter always holds them.
   *
   * @return module paths
   */
  public List<String> newModules() {
    return head.stream().filter(layer -> !layer.stored()).map(HeadLayer::path).toList();
  }

  /**
   * The class of transformers that reads such a model.
   *
   * @return for example {@code BertForSequenceClassification}
   */
  public String architecture() {
    var family =
        switch (modelType()) {
          case "distilbert" -> "DistilBert";
          case "xlm-roberta" -> "XLMRoberta";
          default ->
              modelType().substring(0, 1).toUpperCase(Locale.ROOT) + modelType().substring(1);
        };
    return family + "ForSequenceClassification";
  }

  /**
   * Whether the head reads the first token of a sequence.
   *
   * @return true behind an encoder; behind a decoder only the last token has seen all others
   */
  public boolean readsFirstToken() {
    return backbone instanceof EncoderConfig;
  }

  /**
   * The linear layers of the blocks, and a head layer that PEFT does not train whole: BERT's
   * pooler. It counts as the attention output of one block more.
   */
  @Override
  public List<LinearLayer> linearLayers() {
    var linears = new ArrayList<>(backbone.linearLayers());
    for (var layer : head) {
      if (ALWAYS_TRAINED.stream().noneMatch(name -> within(layer.path(), name))) {
        linears.add(
            new LinearLayer(
                layer.path(), layers(), Projection.OUTPUT, 0, layer.outputs(), layer.inputs()));
      }
    }
    return linears;
  }

  /**
   * Whether a module, or one around it, has a path with this end: PEFT's rule for modules that are
   * trained whole, which asks for no dot.
   *
   * @param path a module path
   * @param name what it may end with
   * @return true if it does
   */
  public static boolean within(String path, String name) {
    return path.endsWith(name)
        || EncoderNames.containers(path).stream().anyMatch(around -> around.endsWith(name));
  }

  @Override
  public List<String> otherModules() {
    var modules = new LinkedHashSet<>(backbone.otherModules());
    modules.remove(WeightNames.HEAD);
    for (var layer : head) {
      modules.addAll(EncoderNames.containers(layer.path()));
      modules.add(layer.path());
    }
    linearLayers().forEach(linear -> modules.remove(linear.path()));
    return List.copyOf(modules);
  }

  @Override
  public Map<String, List<Long>> tensors() {
    var tensors = new LinkedHashMap<>(backbone.tensors());
    head.forEach(layer -> tensors.putAll(layer.tensors()));
    return tensors;
  }

  @Override
  public String modelType() {
    return backbone.modelType();
  }

  @Override
  public int vocabulary() {
    return backbone.vocabulary();
  }

  @Override
  public int hidden() {
    return backbone.hidden();
  }

  @Override
  public int layers() {
    return backbone.layers();
  }

  @Override
  public int contextLength() {
    return backbone.contextLength();
  }

  @Override
  public int inputs(Projection projection) {
    return backbone.inputs(projection);
  }

  @Override
  public List<Integer> outputs(Projection projection) {
    return backbone.outputs(projection);
  }

  @Override
  public boolean hasBias(Projection projection) {
    return backbone.hasBias(projection);
  }

  @Override
  public List<String> paths(int layer, Projection projection) {
    return backbone.paths(layer, projection);
  }

  @Override
  public List<String> defaultTargets() {
    return backbone.defaultTargets();
  }

  @Override
  public String prefix() {
    return backbone.prefix();
  }
}
