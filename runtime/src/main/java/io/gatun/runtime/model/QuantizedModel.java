package io.gatun.runtime.model;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.WeightLoader;
import io.gatun.quant.checkpoint.BnbCodec;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.SafetensorsWriter;
import io.gatun.quant.checkpoint.TensorData;
import io.gatun.quant.checkpoint.TensorType;
import io.gatun.quant.checkpoint.WholeFile;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.ObjectMapper;

/**
 * Writes a model as a bitsandbytes 4-bit checkpoint: the linear layers of the blocks in 4 bit, all
 * else in bf16. The quantized layers are held in memory until all is written; nothing else is.
 */
public final class QuantizedModel {
  private static final long SHARD_BYTES = 5_000_000_000L;

  private final Checkpoint checkpoint;
  private final WeightFormat.FourBit format;
  private final Device device;

  /**
   * A model to be written.
   *
   * @param checkpoint the model's files
   * @param format the 4-bit format
   * @param device where the work is done
   */
  public QuantizedModel(Checkpoint checkpoint, WeightFormat.FourBit format, Device device) {
    this.checkpoint = checkpoint;
    this.format = format;
    this.device = device;
  }

  /**
   * Writes the tensors and config.json. The files of the tokenizer are the caller's.
   *
   * @param folder exists
   */
  public void write(Path folder) {
    var config = DecoderConfig.of(checkpoint);
    Set<String> linear = new HashSet<>();
    config.linearLayers().forEach(layer -> linear.add(WeightNames.weight(layer.path())));
    try (var memory = Arena.ofConfined();
        var loader = new WeightLoader(checkpoint, device, memory)) {
      var tensors = new ArrayList<TensorData>();
      for (var entry : config.tensors().entrySet()) {
        if (linear.contains(entry.getKey())) {
          var weight = (Nf4Matrix) loader.weight(List.of(entry.getKey()), format);
          tensors.addAll(BnbCodec.tensors(entry.getKey(), weight.bands().getFirst()));
        } else {
          tensors.add(plain(entry.getKey(), entry.getValue()));
        }
      }
      SafetensorsWriter.writeModel(folder, SHARD_BYTES, Map.of(), tensors);
    }
    var json =
        BnbCodec.config(checkpoint.config(), format.code(), format.doubleQuant(), DType.BF16);
    json.put("dtype", "bfloat16");
    WholeFile.write(
        folder.resolve("config.json"),
        new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(json));
  }

  /** A tensor that stays as it is, loaded when it is written. */
  private TensorData plain(String name, List<Long> shape) {
    return new TensorData(
        name,
        TensorType.BF16,
        shape,
        sink -> {
          try (var memory = Arena.ofConfined();
              var loader = new WeightLoader(checkpoint, device, memory)) {
            var matrix = loader.matrix(name, DType.BF16);
            TensorData.matrix(name, shape, matrix).content().writeTo(sink);
          }
        });
  }
}
