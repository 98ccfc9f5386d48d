package io.gatun.runtime.hub;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/**
 * Which files of a repository are needed.
 *
 * @param files names, those that are there
 * @param index one of them that names further ones: the shards of a model
 * @param answer what the reader opens: a file, or a folder; empty for the snapshot itself
 */
record Wanted(List<String> files, Optional<String> index, String answer) {
  private static final String WEIGHTS = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String ADAPTER = "adapter_config.json";
  private static final String ADAPTER_WEIGHTS = "adapter_model.safetensors";
  private static final List<String> SETTINGS =
      List.of(
          "config.json",
          "generation_config.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "vocab.txt",
          "sentencepiece.bpe.model",
          "tokenizer.model",
          "chat_template.jinja");
  private static final int SHOWN = 8;

  /** Chooses the files of a repository that somebody needs. */
  interface Choice extends BiFunction<HubReference, Set<String>, Wanted> {}

  /** Files by name; what is not there is left out. */
  private static Wanted of(Set<String> names, Stream<String> files, String answer) {
    var wanted = files.filter(names::contains).toList();
    return new Wanted(wanted, Optional.of(INDEX).filter(wanted::contains), answer);
  }

  /** What a reader of models needs. */
  static Wanted model(HubReference reference, Set<String> names) {
    if (reference.file().isPresent()) {
      return file(reference, names);
    }
    for (var weights : List.of(WEIGHTS, INDEX)) {
      if (names.contains(weights)) {
        return of(names, Stream.concat(SETTINGS.stream(), Stream.of(weights)), "");
      }
    }
    var packed = ending(names, ".gguf");
    if (packed.size() == 1) {
      return of(names, packed.stream(), packed.getFirst());
    }
    throw new HubException(
        packed.isEmpty()
            ? noModel(reference, names)
            : "%s has %d GGUF files; name one, such as %s:%s (%s)"
                .formatted(reference, packed.size(), reference, packed.getFirst(), shown(packed)));
  }

  private static String noModel(HubReference reference, Set<String> names) {
    if (names.contains(ADAPTER)) {
      return reference + " is an adapter, not a model; give it as the adapter, with its base model";
    }
    var pickles = names.stream().filter(n -> n.matches(".*\\.(bin|pt|pth|ckpt)")).sorted().toList();
    return pickles.isEmpty()
        ? "%s has no model.safetensors and no .gguf file (it has %s)"
            .formatted(reference, shown(List.copyOf(new TreeSet<>(names))))
        : "%s has its weights as pickle files (%s), which can run any code when they are loaded and are not read; look for a repository with safetensors"
            .formatted(reference, shown(pickles));
  }

  /** The file that the reference names, and where it is no GGUF what describes it. */
  private static Wanted file(HubReference reference, Set<String> names) {
    var file = reference.file().orElseThrow();
    if (!names.contains(file)) {
      var kind = file.substring(file.lastIndexOf('.') + 1);
      throw new HubException(
          "%s has no file %s; it has %s"
              .formatted(
                  reference.repository(),
                  file,
                  shown(
                      ending(names, "." + kind).isEmpty()
                          ? List.copyOf(new TreeSet<>(names))
                          : ending(names, "." + kind))));
    }
    var folder = file.substring(0, file.lastIndexOf('/') + 1);
    var beside =
        file.matches(".*\\.(safetensors|onnx)")
            ? SETTINGS.stream().map(name -> folder + name)
            : Stream.<String>empty();
    return of(names, Stream.concat(beside, Stream.of(file)), file);
  }

  /** What a reader of adapters needs. */
  static Wanted adapter(HubReference reference, Set<String> names) {
    if (!names.contains(ADAPTER) || !names.contains(ADAPTER_WEIGHTS)) {
      throw new HubException(
          names.contains("adapter_model.bin")
              ? "%s has its weights as a pickle file (adapter_model.bin), which can run any code when it is loaded and is not read"
                  .formatted(reference)
              : "%s is no adapter: it has no %s with %s"
                  .formatted(reference, ADAPTER, ADAPTER_WEIGHTS));
    }
    return of(names, Stream.of(ADAPTER, ADAPTER_WEIGHTS, "labels.json"), "");
  }

  /** An adapter, or else a model. */
  static Wanted modelOrAdapter(HubReference reference, Set<String> names) {
    boolean adapter = names.contains(ADAPTER) && !names.contains(WEIGHTS);
    return adapter && reference.file().isEmpty()
        ? adapter(reference, names)
        : model(reference, names);
  }

  /** Rows: train.jsonl with valid.jsonl beside it, or the only JSONL file. */
  static Wanted data(HubReference reference, Set<String> names) {
    if (reference.file().isPresent()) {
      return file(reference, names);
    }
    for (var folder : List.of("", "data/")) {
      if (names.contains(folder + "train.jsonl")) {
        var rows = Stream.of("train.jsonl", "valid.jsonl").map(name -> folder + name);
        return of(names, rows, folder);
      }
    }
    var files = ending(names, ".jsonl");
    if (files.size() == 1) {
      return of(names, files.stream(), files.getFirst());
    }
    throw new HubException(
        files.isEmpty()
            ? noRows(reference, names)
            : "%s has %d JSONL files; name one, such as %s:%s (%s)"
                .formatted(reference, files.size(), reference, files.getFirst(), shown(files)));
  }

  private static String noRows(HubReference reference, Set<String> names) {
    return ending(names, ".parquet").isEmpty()
        ? "%s has no JSONL file (it has %s)"
            .formatted(reference, shown(List.copyOf(new TreeSet<>(names))))
        : "%s has its rows as Parquet files, which are not read yet; export them as JSONL, for example with the datasets library's to_json"
            .formatted(reference);
  }

  private static List<String> ending(Set<String> names, String end) {
    return names.stream().filter(name -> name.endsWith(end)).sorted().toList();
  }

  private static String shown(List<String> names) {
    var some = new ArrayList<>(names.subList(0, Math.min(SHOWN, names.size())));
    if (names.size() > SHOWN) {
      some.add("%d more".formatted(names.size() - SHOWN));
    }
    return some.isEmpty() ? "nothing" : String.join(", ", some);
  }
}
