package io.gatun.quant.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/** Opens Hugging Face folders and single safetensors files as a {@link Checkpoint}. */
final class FolderReader {
  static final String PICKLE =
      "is a pickle file, which can run any code when it is loaded and is not read; convert it to"
          + " safetensors with the tool that wrote it";

  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";

  private final Path path;
  private final Arena arena;
  private final List<String> problems = new ArrayList<>();
  private final TreeMap<String, StoredTensor> stored = new TreeMap<>();

  private FolderReader(Path path, Arena arena) {
    this.path = path;
    this.arena = arena;
  }

  /** A folder: model.safetensors, or the shards that its index names. */
  static Checkpoint folder(Path folder, Arena arena) {
    var reader = new FolderReader(folder, arena);
    if (Files.exists(folder.resolve(SINGLE))) {
      reader.addAll(Safetensors.open(folder.resolve(SINGLE), arena));
    } else if (Files.exists(folder.resolve(INDEX))) {
      reader.addShards(folder.resolve(INDEX));
    } else {
      throw new CheckpointException(folder, reader.whatIsThere());
    }
    return reader.checkpoint(folder);
  }

  /** A single file; config.json is looked for beside it. */
  static Checkpoint file(Path file, Arena arena) {
    var reader = new FolderReader(file, arena);
    reader.addAll(Safetensors.open(file, arena));
    return reader.checkpoint(file.toAbsolutePath().resolveSibling(""));
  }

  private Checkpoint checkpoint(Path folder) {
    refuseEightBit();
    rename();
    var layers = new HashMap<String, BnbTensor>();
    new BnbReader(stored, problems).takeAll(layers);
    Map<String, TensorSource> tensors = new TreeMap<>();
    stored.forEach((name, tensor) -> source(name, tensor).ifPresent(s -> tensors.put(name, s)));
    layers.forEach((name, layer) -> tensors.put(name, source(name, layer)));
    var config = ConfigJson.read(folder.resolve("config.json"), problems);
    if (!problems.isEmpty()) {
      throw new CheckpointException(path, problems);
    }
    return new Checkpoint(path, tensors, config, new TokenizerSource.Folder(folder));
  }

  private void addAll(Safetensors file) {
    for (var name : file.names()) {
      stored.put(name, new StoredTensor(file, name));
    }
  }

  private void addShards(Path index) {
    var map =
        ConfigJson.read(index, problems).map(j -> j.path("weight_map")).filter(JsonNode::isObject);
    if (map.isEmpty()) {
      problems.add(INDEX + " has no weight_map");
      return;
    }
    var shards = new HashMap<String, Optional<Safetensors>>();
    map.get()
        .properties()
        .forEach(e -> {
          var shard = e.getValue().asString("");
          shards
              .computeIfAbsent(shard, this::shard)
              .ifPresent(file -> addFrom(file, shard, e.getKey()));
        });
  }

  private void addFrom(Safetensors file, String shard, String name) {
    if (file.names().contains(name)) {
      stored.put(name, new StoredTensor(file, name));
    } else {
      problems.add(INDEX + " says that " + name + " is in " + shard + ", which does not have it");
    }
  }

  /** Opens a shard; its name must be that of a file of this folder. */
  private Optional<Safetensors> shard(String name) {
    boolean plain =
        !name.isBlank() && !name.contains("/") && !name.contains("\\") && !name.contains("\0");
    if (!plain || name.equals(".") || name.equals("..")) {
      problems.add(INDEX + " names \"" + name + "\", which is not a file name");
      return Optional.empty();
    }
    try {
      return Optional.of(Safetensors.open(path.resolve(name), arena));
    } catch (CheckpointException e) {
      problems.add("shard " + name + ": " + e.problems().getFirst());
      return Optional.empty();
    }
  }

  private void refuseEightBit() {
    var scales = stored.keySet().stream().filter(n -> n.endsWith(".SCB")).toList();
    if (!scales.isEmpty()) {
      problems.add(
          "%d layers are in 8 bit (LLM.int8: %s), which is not read; bitsandbytes 4-bit is"
              .formatted(scales.size(), scales.getFirst()));
    }
  }

  /** Old files call the weight and bias of a LayerNorm gamma and beta. */
  private void rename() {
    for (var name : new TreeSet<>(stored.keySet())) {
      var current =
          name.replaceFirst("LayerNorm\\.gamma$", "LayerNorm.weight")
              .replaceFirst("LayerNorm\\.beta$", "LayerNorm.bias");
      if (!current.equals(name)) {
        if (stored.containsKey(current)) {
          problems.add("has both " + name + " and " + current + ", two names of one tensor");
        }
        stored.put(current, stored.remove(name));
      }
    }
  }

  private Optional<TensorSource> source(String name, StoredTensor tensor) {
    var stored = tensor.info();
    var info = new TensorInfo(name, stored.dtype(), stored.shape(), stored.bytes());
    try {
      int cols = info.cols();
      Math.multiplyExact((long) info.rows(), cols);
      var encoding = Encoding.of(tensor.type());
      if (encoding.isEmpty()) {
        return Optional.of(new TensorSource.Opaque(info, tensor.bytes()));
      }
      var decoder = new RowDecoder(tensor.bytes(), encoding.get(), cols, new RowOrder.Stored(), 0);
      return Optional.of(new TensorSource.Rows(info, decoder));
    } catch (ArithmeticException _) {
      problems.add("tensor " + name + " has the shape " + info.shape() + ", too large");
      return Optional.empty();
    }
  }

  private static TensorSource source(String name, BnbTensor layer) {
    var shape = List.of((long) layer.rows(), (long) layer.cols());
    var info = new TensorInfo(name, layer.code().name(), shape, layer.bytes());
    return new TensorSource.FourBit(info, layer);
  }

  private String whatIsThere() {
    try (Stream<Path> files = Files.list(path)) {
      var names = files.map(f -> f.getFileName().toString()).sorted().toList();
      var pickles = names.stream().filter(n -> n.matches(".*\\.(bin|pt|pth|ckpt)")).toList();
      if (!pickles.isEmpty()) {
        return pickles.getFirst() + " " + PICKLE;
      }
      if (names.contains("adapter_model.safetensors")) {
        return "is a LoRA adapter, not a model; give the model it was made for, and this as the"
            + " adapter";
      }
      var other = names.stream().filter(n -> n.matches(".*\\.(gguf|onnx)")).findFirst();
      return "has neither %s nor %s".formatted(SINGLE, INDEX)
          + other.map(n -> "; to read " + n + " name that file").orElse("");
    } catch (IOException e) {
      return "cannot be read: " + Sentences.of(e);
    }
  }
}
