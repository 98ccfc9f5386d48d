package io.gatun.runtime.adapter;

import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.CheckpointException;
import io.gatun.quant.checkpoint.SafetensorsWriter;
import io.gatun.quant.checkpoint.TensorData;
import io.gatun.quant.checkpoint.WholeFile;
import io.gatun.runtime.model.BaseConfig;
import io.gatun.runtime.model.ClassifierConfig;
import io.gatun.runtime.model.HeadLayer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * adapter_model.safetensors, with PEFT's names (formats.md 4.3): every key must be there, and no
 * other.
 */
final class AdapterFile {
  static final String NAME = "adapter_model.safetensors";
  private static final String PREFIX = "base_model.model.";

  private AdapterFile() {}

  /**
   * A tensor of an adapter.
   *
   * @param matrix its values
   * @param shape in the file, where a bias has one dimension
   * @param owner what the shape depends on
   */
  private record Tensor(Matrix matrix, List<Long> shape, String owner) {}

  /** Fills an adapter from a folder. */
  static void read(Path folder, LoraAdapter adapter) {
    if (adapter.base() instanceof ClassifierConfig classifier) {
      LabelsFile.requireSame(folder, classifier.labels());
    }
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
      tensors.forEach((name, tensor) -> HostCopy.write(tensor.matrix(), stored.readFloats(name)));
    }
  }

  /** Rows of a head layer in a folder; empty if there is none. */
  static OptionalInt rows(Path folder, HeadLayer layer) {
    Path file = folder.resolve(NAME);
    String name = PREFIX + layer.path() + ".weight";
    if (!Files.isRegularFile(file)) {
      return OptionalInt.empty();
    }
    try (var arena = Arena.ofConfined()) {
      var stored = Checkpoint.open(file, arena);
      return stored.names().contains(name)
          ? OptionalInt.of(stored.info(name).rows())
          : OptionalInt.empty();
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
      Files.deleteIfExists(folder.resolve(LabelsFile.NAME));
    } catch (IOException e) {
      throw new CheckpointException(folder, "cannot be written: " + e.getMessage());
    }
    var data = new ArrayList<TensorData>();
    tensors(adapter)
        .forEach(
            (name, tensor) -> data.add(TensorData.matrix(name, tensor.shape(), tensor.matrix())));
    SafetensorsWriter.write(folder.resolve(NAME), Map.of(), data);
    WholeFile.write(folder.resolve(ModelCard.NAME), bytes(ModelCard.text(adapter)));
    if (adapter.base() instanceof ClassifierConfig classifier) {
      LabelsFile.write(folder, classifier.labels());
    }
    WholeFile.write(config, bytes(AdapterConfigText.of(adapter.config(), adapter.base())));
    verify(folder, adapter);
  }

  /**
   * Reads a folder back: a reader of it must find the same layers, each with the same bits. What it
   * would not find, it would begin at random without a word.
   */
  private static void verify(Path folder, LoraAdapter adapter) {
    var config = AdapterConfigFile.read(folder, adapter.base());
    var layers = ModuleSelection.select(config, adapter.base());
    var trained = TrainedModules.select(config, adapter.base());
    if (!layers.equals(adapter.layers()) || !trained.equals(adapter.trained())) {
      throw new CheckpointException(
          folder.resolve(AdapterConfigFile.NAME),
          "read back, it names other layers than the adapter has; the adapter in memory is"
              + " unharmed");
    }
    Path file = folder.resolve(NAME);
    try (var arena = Arena.ofConfined()) {
      var stored = Checkpoint.open(file, arena);
      tensors(adapter)
          .forEach((name, tensor) -> {
            if (!Arrays.equals(stored.readFloats(name), HostCopy.readFloats(tensor.matrix()))) {
              throw new CheckpointException(
                  file, "read back, " + name + " has other values; the disk may be failing");
            }
          });
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Each A and B, and each layer that is held whole, under its name in the file. */
  private static Map<String, Tensor> tensors(LoraAdapter adapter) {
    var tensors = new LinkedHashMap<String, Tensor>();
    for (var layer : adapter.layers()) {
      String module = PREFIX + layer.linear().path();
      tensors.put(module + ".lora_A.weight", factor(adapter.a(layer)));
      tensors.put(module + ".lora_B.weight", factor(adapter.b(layer)));
    }
    for (var layer : adapter.trained()) {
      String module = PREFIX + layer.path();
      var own = adapter.trained(layer).orElseThrow();
      String owner = "a head for " + labels(adapter.base()) + " needs";
      var weight = (Matrix) own.weight();
      tensors.put(module + ".weight", new Tensor(weight, shape(weight), owner));
      own.bias()
          .ifPresent(bias ->
              tensors.put(module + ".bias", new Tensor(bias, List.of((long) bias.cols()), owner)));
    }
    return tensors;
  }

  private static Tensor factor(Matrix matrix) {
    return new Tensor(matrix, shape(matrix), "this base and rank need");
  }

  private static List<String> labels(BaseConfig base) {
    return base instanceof ClassifierConfig classifier ? classifier.labels().names() : List.of();
  }

  private static List<String> problems(Checkpoint stored, Map<String, Tensor> tensors) {
    var problems = new ArrayList<String>();
    tensors.forEach((name, tensor) -> {
      if (!stored.names().contains(name)) {
        problems.add("tensor %s is missing; %s %s".formatted(name, tensor.owner(), tensor.shape()));
      } else if (!stored.info(name).shape().equals(tensor.shape())) {
        problems.add(
            "tensor %s is %s; %s %s"
                .formatted(name, stored.info(name).shape(), tensor.owner(), tensor.shape()));
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
