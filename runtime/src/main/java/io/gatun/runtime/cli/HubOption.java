package io.gatun.runtime.cli;

import io.gatun.runtime.hub.Hub;
import io.gatun.runtime.hub.HubReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.BiFunction;
import picocli.CommandLine.Option;

/** Where a command finds what it names: here, or on the Hugging Face hub. */
final class HubOption {
  /** What a model may be, for the help of its option. */
  static final String MODEL =
      "A Hugging Face folder, a .safetensors, .gguf or .onnx file, a .jar with an ONNX model, or a"
          + " repository of the Hugging Face hub: org/name, org/name@revision, org/name:file.gguf.";

  /** What an adapter may be. */
  static final String ADAPTER =
      "A PEFT adapter folder, or a repository of the Hugging Face hub, org/name.";

  @Option(
      names = "--offline",
      description =
          "Never use the network: what is named org/name must be in the cache (HF_HOME) already.")
  private boolean offline;

  /** The files of a model. */
  Path model(Path name) {
    return find(name, Hub::model);
  }

  /** The folder of an adapter. */
  Path adapter(Path name) {
    return find(name, Hub::adapter);
  }

  /** Whichever of the two it is. */
  Path modelOrAdapter(Path name) {
    return find(name, Hub::modelOrAdapter);
  }

  /** A file of rows, or a folder with train.jsonl. */
  Path data(Path name) {
    return find(name, Hub::data);
  }

  /** A file of rows. */
  Path rows(Path name) {
    Path path = data(name);
    if (Files.exists(name) || !Files.isDirectory(path)) {
      return path;
    }
    throw new UsageException(
        "%s is a folder of rows; name a file in it, such as %s:train.jsonl".formatted(name, name));
  }

  /** How an adapter names a base: a repository by itself, so that others find it. */
  static String name(Path name) {
    var text = name.toString();
    return Files.exists(name)
        ? text
        : HubReference.of(text).map(HubReference::repository).orElse(text);
  }

  private Path find(Path name, BiFunction<Hub, String, Path> what) {
    try (var progress = new HubProgress(System.err)) {
      var hub = Hub.fromEnvironment().with(progress);
      return what.apply(offline ? hub.offline() : hub, name.toString());
    }
  }
}
