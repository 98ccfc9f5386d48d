package io.gatun.runtime.cli;

import io.gatun.quant.Golden;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.SafetensorsWriter;
import io.gatun.quant.checkpoint.TensorData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** The golden tiny_llama with a tokenizer of one token a printable ASCII character. */
public final class TinyModel {
  /** Id of the token before a classifier's text. */
  public static final int START = 1;

  /** Id of the token behind a text. */
  public static final int END = 2;

  /** Id of the first printable character, the blank; the others follow in their order. */
  public static final int BLANK = 3;

  private static final String TEMPLATE =
      "{% for m in messages %}{{ m['role'][0] }}:{{ m['content'] }};{% endfor %}"
          + "{% if add_generation_prompt %}a:{% endif %}";

  private TinyModel() {}

  /** Writes the model into a new folder. */
  public static Path write(Path folder) throws IOException {
    return write("tiny_llama", folder);
  }

  /** Writes another golden model, with the same tokenizer, into a new folder. */
  static Path write(String name, Path folder) throws IOException {
    Files.createDirectories(folder);
    Path golden = Golden.file("models/" + name);
    for (String file : List.of("config.json", "model.safetensors")) {
      Files.copy(golden.resolve(file), folder.resolve(file));
    }
    Files.writeString(folder.resolve("tokenizer.json"), tokenizer(name).toString());
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        JsonNodeFactory.instance
            .objectNode()
            .put("eos_token", "</s>")
            .put("unk_token", "<unk>")
            .put("chat_template", TEMPLATE)
            .toString());
    return folder;
  }

  /**
   * Writes a golden classifier into a new folder; its tokenizer puts a token before a text, one
   * behind it, and one behind the other text of a pair.
   */
  public static Path writeClassifier(String name, Path folder) throws IOException {
    write(name, folder);
    var root = tokenizer(name);
    var around = root.putObject("post_processor").put("type", "TemplateProcessing");
    var single = around.putArray("single");
    var pair = around.putArray("pair");
    for (var template : List.of(single, pair)) {
      piece(template.addObject(), "SpecialToken", "<s>", 0);
      piece(template.addObject(), "Sequence", "A", 0);
      piece(template.addObject(), "SpecialToken", "</s>", 0);
    }
    piece(pair.addObject(), "Sequence", "B", 1);
    piece(pair.addObject(), "SpecialToken", "</s>", 1);
    var specials = around.putObject("special_tokens");
    for (int id : new int[] {START, END}) {
      String token = root.at("/added_tokens/" + id + "/content").stringValue();
      var special = specials.putObject(token).put("id", token);
      special.putArray("ids").add(id);
      special.putArray("tokens").add(token);
    }
    Files.writeString(folder.resolve("tokenizer.json"), root.toString());
    return folder;
  }

  /** Removes the last layer of a classifier's head from its files. */
  static void removeHead(Path folder) {
    Path file = folder.resolve("model.safetensors");
    try (Arena arena = Arena.ofConfined()) {
      var stored = Checkpoint.open(file, arena);
      var kept =
          stored.names().stream()
              .filter(name -> !name.startsWith("classifier."))
              .map(name -> {
                float[] values = stored.readFloats(name);
                return TensorData.floats(name, stored.info(name).shape(), () -> values);
              })
              .toList();
      SafetensorsWriter.write(file, Map.of(), kept);
    }
  }

  private static void piece(ObjectNode piece, String kind, String id, int type) {
    piece.putObject(kind).put("id", id).put("type_id", type);
  }

  /** One token for each printable ASCII character, as far as the model has room for them. */
  private static ObjectNode tokenizer(String name) throws IOException {
    var config = Files.readString(Golden.file("models/" + name + "/config.json"));
    int room = new ObjectMapper().readTree(config).path("vocab_size").intValue();
    var root = JsonNodeFactory.instance.objectNode().put("version", "1.0");
    var added = root.putArray("added_tokens");
    for (String special : List.of("<unk>", "<s>", "</s>")) {
      added
          .addObject()
          .put("id", added.size() - 1)
          .put("content", special)
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    var model = root.putObject("model").put("type", "BPE").put("unk_token", "<unk>");
    model.put("fuse_unk", false).put("byte_fallback", false).putArray("merges");
    var vocabulary = model.putObject("vocab");
    for (String special : List.of("<unk>", "<s>", "</s>")) {
      vocabulary.put(special, vocabulary.size());
    }
    for (char c = ' '; c <= '~' && vocabulary.size() < room; c++) {
      vocabulary.put(String.valueOf(c), vocabulary.size());
    }
    root.putObject("decoder").put("type", "Fuse");
    return root;
  }
}
