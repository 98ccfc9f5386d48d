package io.gatun.runtime.adapter;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.ops.Cast;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.WeightLoader;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.SafetensorsWriter;
import io.gatun.quant.checkpoint.TensorData;
import io.gatun.quant.checkpoint.TensorType;
import io.gatun.quant.checkpoint.WholeFile;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.model.LinearLayer;
import io.gatun.runtime.model.RopeScaling;
import io.gatun.runtime.model.UnsupportedException;
import io.gatun.runtime.model.WeightNames;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes a base with an adapter merged into it as a Hugging Face model, tensor by tensor: memory
 * does not grow with the model.
 */
public final class MergedModel {
  /** The largest file unless asked otherwise. */
  public static final long SHARD_BYTES = 5_000_000_000L;

  private final Checkpoint base;
  private final WeightFormat trainedOn;
  private final LoraAdapter adapter;
  private final DType dtype;
  private final DecoderConfig config;
  private final Set<String> linear = new HashSet<>();
  private final Map<String, AdaptedLayer> adapted = new HashMap<>();

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
    this.base = base;
    this.trainedOn = trainedOn;
    this.adapter = adapter;
    this.dtype = dtype;
    this.config = DecoderConfig.of(base);
    config.linearLayers().stream()
        .map(LinearLayer::path)
        .map(WeightNames::weight)
        .forEach(linear::add);
    adapter
        .layers()
        .forEach(layer -> adapted.put(WeightNames.weight(layer.linear().path()), layer));
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
    var loader = new WeightLoader(base, device, arena);
    if (!linear.contains(name)) {
      return loader.matrix(name, dtype);
    }
    var weight = loader.weight(List.of(name), trainedOn);
    Matrix sum = Matrix.allocate(device, "merging", DType.F32, weight.rows(), weight.cols(), arena);
    Merge.decode(weight, sum);
    var layer = adapted.get(name);
    if (layer != null) {
      Merge.add(adapter.b(layer), adapter.a(layer), layer.scale(), sum);
    }
    Matrix rounded = Matrix.allocate(device, "merging", dtype, sum.rows(), sum.cols(), arena);
    Cast.run(sum, rounded);
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
    if (config.rope().scaling() instanceof RopeScaling.Divisors) {
      writeLlama3(json);
    }
    return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n";
  }

  private void writeLlama3(ObjectNode json) {
    var scaling =
        config
            .rope()
            .asLlama3()
            .orElseThrow(() ->
                new UnsupportedException(
                    "the rotation divisors of this GGUF file have no form in config.json; merge"
                        + " from the model's Hugging Face folder"));
    json.putObject("rope_parameters")
        .put("rope_type", "llama3")
        .put("rope_theta", config.rope().theta())
        .put("factor", scaling.factor())
        .put("low_freq_factor", scaling.low())
        .put("high_freq_factor", scaling.high())
        .put("original_max_position_embeddings", scaling.originalLength());
  }
}
