package io.gatun.runtime.adapter;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.Cast;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.WeightLoader;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.SafetensorsWriter;
import io.gatun.quant.checkpoint.TensorData;
import io.gatun.quant.checkpoint.TensorType;
import io.gatun.quant.checkpoint.WholeFile;
import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.ClassifierConfig;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.model.LinearLayer;
import io.gatun.runtime.model.RopeScaling;
import io.gatun.runtime.model.RopeTable;
import io.gatun.runtime.model.UnsupportedException;
import io.gatun.runtime.model.WeightNames;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes a base with an adapter merged into it as a Hugging Face model, tensor by tensor: memory
 * does not grow with the model. A classifier takes its head from the adapter, and its labels with
 * it, so that the folder needs neither.
 */
public final class MergedModel {
  /** The largest file unless asked otherwise. */
  public static final long SHARD_BYTES = 5_000_000_000L;

  private final Checkpoint base;
  private final WeightFormat trainedOn;
  private final LoraAdapter adapter;
  private final DType dtype;
  private final BaseConfig config;
  private final Set<String> inBlocks = new HashSet<>();
  private final Map<String, AdaptedLayer> adapted = new HashMap<>();
  private final Map<String, Matrix> whole = new HashMap<>();

  /**
   * A merge to be written.
   *
   * @param base the files of the base
   * @param trainedOn the form of the linear layers whose values are merged: what the adapter was
   *     trained on, or {@link WeightFormat#f32} for what the files hold
   * @param adapter what is added
   * @param dtype to which sums are rounded once
   */
  public MergedModel(Checkpoint base, WeightFormat trainedOn, LoraAdapter adapter, DType dtype) {
    adapter.refuseNonFinite();
    this.config = adapter.base();
    this.base = config instanceof DecoderConfig ? base : config.named(base);
    this.trainedOn = trainedOn;
    this.adapter = adapter;
    this.dtype = dtype;
    config.backbone().linearLayers().stream()
        .map(LinearLayer::path)
        .map(WeightNames::weight)
        .forEach(inBlocks::add);
    adapter
        .layers()
        .forEach(layer -> adapted.put(WeightNames.weight(layer.linear().path()), layer));
    for (var layer : adapter.trained()) {
      var own = adapter.trained(layer).orElseThrow();
      whole.put(WeightNames.weight(layer.path()), (Matrix) own.weight());
      own.bias().ifPresent(bias -> whole.put(WeightNames.bias(layer.path()), bias));
    }
  }

  /**
   * A merge of an adapter folder. The base is read as the adapter needs it: as a language model, or
   * as a classifier of the adapter's labels.
   *
   * @param base the files of the base
   * @param trainedOn as in the constructor
   * @param folder of the adapter
   * @param dtype to which sums are rounded once
   * @param device where the work is done
   * @param arena owns the adapter
   * @return the merge to be written
   */
  public static MergedModel of(
      Checkpoint base,
      WeightFormat trainedOn,
      Path folder,
      DType dtype,
      Device device,
      Arena arena) {
    BaseConfig config =
        AdapterConfigFile.classifies(folder, base)
            ? ClassifierConfig.of(base, LabelsFile.of(folder, base))
            : DecoderConfig.of(base);
    var adapter = LoraAdapter.load(folder, config, device, arena);
    return new MergedModel(base, trainedOn, adapter, dtype);
  }

  /**
   * Writes the tensors and config.json. The files of the tokenizer are the caller's.
   *
   * @param folder exists
   * @param shardBytes most bytes of tensors in a file
   * @return the files with tensors
   */
  public List<Path> write(Path folder, long shardBytes) {
    byte[] json = json().getBytes(StandardCharsets.UTF_8);
    var tensors =
        config.tensors().entrySet().stream().map(e -> tensor(e.getKey(), e.getValue())).toList();
    var files = SafetensorsWriter.writeModel(folder, shardBytes, Map.of(), tensors);
    WholeFile.write(folder.resolve("config.json"), json);
    return files;
  }

  private TensorData tensor(String name, List<Long> shape) {
    var type =
        switch (dtype) {
          case F32 -> TensorType.F32;
          case BF16 -> TensorType.BF16;
          case F16 -> TensorType.F16;
        };
    return new TensorData(
        name,
        type,
        shape,
        sink -> {
          try (var arena = Arena.ofConfined()) {
            TensorData.matrix(name, shape, values(name, arena)).content().writeTo(sink);
          }
        });
  }

  private Matrix values(String name, Arena arena) {
    Device device = adapter.parameters().buffer().device();
    if (whole.containsKey(name)) {
      return rounded(Objects.requireNonNull(whole.get(name)), arena);
    }
    var layer = adapted.get(name);
    if (!inBlocks.contains(name) && layer == null) {
      return (Matrix) weight(name, new WeightFormat.Dense(dtype), arena);
    }
    // A layer behind the blocks, BERT's pooler, is never quantized for training.
    var format = inBlocks.contains(name) ? trainedOn : WeightFormat.f32();
    var weight = weight(name, format, arena);
    Matrix sum = Matrix.allocate(device, "merging", DType.F32, weight.rows(), weight.cols(), arena);
    Merge.decode(weight, sum);
    if (layer != null) {
      Merge.add(adapter.b(layer), adapter.a(layer), layer.scale(), sum);
    }
    return rounded(sum, arena);
  }

  private Weight weight(String name, WeightFormat format, Arena arena) {
    var device = adapter.parameters().buffer().device();
    try (var loader = new WeightLoader(base, device, arena)) {
      return loader.weight(List.of(name), format);
    }
  }

  private Matrix rounded(Matrix values, Arena arena) {
    var device = values.buffer().device();
    Matrix rounded = Matrix.allocate(device, "merging", dtype, values.rows(), values.cols(), arena);
    Cast.run(values, rounded);
    return rounded;
  }

  /** config.json of the base with the type of the result and without quantization. */
  private String json() {
    var json = (ObjectNode) base.config();
    json.remove("quantization_config");
    json.remove("torch_dtype");
    json.put(
        "dtype",
        switch (dtype) {
          case F32 -> "float32";
          case BF16 -> "bfloat16";
          case F16 -> "float16";
        });
    if (config.backbone() instanceof DecoderConfig decoder
        && decoder.rope().scaling() instanceof RopeScaling.Divisors) {
      writeLlama3(json, decoder.rope());
    }
    if (config instanceof ClassifierConfig classifier) {
      classifier.labels().write(json);
      json.remove("num_labels");
      json.putArray("architectures").add(classifier.architecture());
    }
    return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n";
  }

  private static void writeLlama3(ObjectNode json, RopeTable rope) {
    var scaling =
        rope.asLlama3()
            .orElseThrow(() ->
                new UnsupportedException(
                    "the rotation divisors of this GGUF file have no form in config.json; merge"
                        + " from the model's Hugging Face folder"));
    json.putObject("rope_parameters")
        .put("rope_type", "llama3")
        .put("rope_theta", rope.theta())
        .put("factor", scaling.factor())
        .put("low_freq_factor", scaling.low())
        .put("high_freq_factor", scaling.high())
        .put("original_max_position_embeddings", scaling.originalLength());
  }
}
