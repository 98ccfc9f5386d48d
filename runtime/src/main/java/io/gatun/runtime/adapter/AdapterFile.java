package io.gatun.runtime.adapter;

import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.quant.checkpoint.SafetensorsWriter;
import io.gatun.quant.checkpoint.TensorData;
import io.gatun.quant.checkpoint.WholeFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * adapter_model.safetensors, with PEFT's names (formats.md 4.3): every key must be there, and no
 * other.
 */
final class AdapterFile {
  static final String NAME = "adapter_model.safetensors";
  private static final String PREFIX = "base_model.model.";

  private AdapterFile() {}

  /** Fills an adapter from a folder. */
  static void read(Path folder, LoraAdapter adapter) {
    Path file = folder.resolve(NAME);
    if (!Files.isRegularFile(file)) {
      boolean pickle = Files.exists(folder.resolve("adapter_model.bin"));
      throw new CheckpointException(
          folder,
          "there is no "
              + NAME
              + (pickle
                  ? "; adapter_model.bin is a pickle, which can run code and is not read"
                  : ""));
    }
    try (var arena = Arena.ofConfined()) {
      var stored = Checkpoint.open(file, arena);
      var tensors = tensors(adapter);
      var problems = problems(stored, tensors);
      if (!problems.isEmpty()) {
        throw new CheckpointException(file, problems);
      }
      tensors.forEach((name, matrix) -> HostCopy.write(matrix, stored.readFloats(name)));
    }
  }

  /**
   * Writes an adapter folder. The configuration leaves first and comes last: without it a folder is
   * no adapter, so old and new files are never taken for a pair.
   */
  static void write(Path folder, LoraAdapter adapter) {
    Path config = folder.resolve(AdapterConfigFile.NAME);
    try {
      Files.createDirectories(folder);
      Files.deleteIfExists(config);
    } catch (IOException e) {
      throw new CheckpointException(folder, "cannot be written: " + e.getMessage());
    }
    var data = new ArrayList<TensorData>();
    tensors(adapter)
        .forEach((name, matrix) -> data.add(TensorData.matrix(name, shape(matrix), matrix)));
    SafetensorsWriter.write(folder.resolve(NAME), Map.of(), data);
    WholeFile.write(folder.resolve(ModelCard.NAME), bytes(ModelCard.text(adapter)));
    WholeFile.write(config, bytes(AdapterConfigFile.format(adapter.config(), adapter.base())));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Each A and B under its name in the file. */
  private static Map<String, Matrix> tensors(LoraAdapter adapter) {
    var tensors = new LinkedHashMap<String, Matrix>();
    for (var layer : adapter.layers()) {
      String module = PREFIX + layer.linear().path();
      tensors.put(module + ".lora_A.weight", adapter.a(layer));
      tensors.put(module + ".lora_B.weight", adapter.b(layer));
    }
    return tensors;
  }

  private static List<String> problems(Checkpoint stored, Map<String, Matrix> tensors) {
    var problems = new ArrayList<String>();
    tensors.forEach((name, matrix) -> {
      if (!stored.names().contains(name)) {
        problems.add("tensor " + name + " is missing");
      } else if (!stored.info(name).shape().equals(shape(matrix))) {
        problems.add(
            "tensor %s is %s; this base and rank need %s"
                .formatted(name, stored.info(name).shape(), shape(matrix)));
      }
    });
    stored.names().stream()
        .filter(name -> !tensors.containsKey(name))
        .forEach(
            name -> problems.add("tensor " + name + " belongs to no adapted layer of this base"));
    return problems;
  }

  private static List<Long> shape(Matrix matrix) {
    return List.of((long) matrix.rows(), (long) matrix.cols());
  }
}
