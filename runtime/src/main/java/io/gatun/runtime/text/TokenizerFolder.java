package io.gatun.runtime.text;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;

/** The tokenizer of a Hugging Face folder. */
final class TokenizerFolder {
  private final Path folder;

  private TokenizerFolder(Path folder) {
    this.folder = folder;
  }

  /**
   * Reads tokenizer.json and, where they are there, tokenizer_config.json, special_tokens_map.json,
   * config.json, generation_config.json and chat_template.jinja.
   *
   * @throws TextException if tokenizer.json is missing, or a file is not JSON
   */
  static TokenizerFiles read(Path folder) {
    return new TokenizerFolder(folder).read();
  }

  private TokenizerFiles read() {
    Path file = folder.resolve("tokenizer.json");
    if (!Files.exists(file)) {
      boolean old =
          Files.exists(folder.resolve("tokenizer.model"))
              || Files.exists(folder.resolve("vocab.json"))
              || Files.exists(folder.resolve("vocab.txt"));
      throw new TextException(
          folder
              + " has no tokenizer.json"
              + (old
                  ? "; it has an older tokenizer file, which transformers' save_pretrained turns"
                      + " into one"
                  : "; put the one that the model came with there"));
    }
    JsonNode config = object("tokenizer_config.json");
    JsonNode model = object("config.json");
    JsonNode generation = object("generation_config.json");
    var names = new LinkedHashMap<String, String>();
    collect(object("special_tokens_map.json"), names);
    collect(config, names);
    var ends = new HashSet<Integer>();
    ids(generation.path("eos_token_id"), ends);
    ids(model.path("eos_token_id"), ends);
    return new TokenizerFiles(
        file.toString(),
        text(file),
        names,
        id(model.path("bos_token_id")),
        id(generation.path("eos_token_id")),
        id(model.path("pad_token_id")),
        ends,
        chatTemplate(config));
  }

  /** Adds the members called {@code …_token} whose value is a string or an object with content. */
  private static void collect(JsonNode object, Map<String, String> names) {
    for (var member : object.properties()) {
      JsonNode value = member.getValue();
      JsonNode content = value.isObject() ? value.path("content") : value;
      if (member.getKey().endsWith("_token") && content.isString()) {
        names.put(member.getKey(), content.stringValue());
      }
    }
  }

  private static void ids(JsonNode value, Set<Integer> ids) {
    if (value.isArray()) {
      value.forEach(id -> ids(id, ids));
    }
    id(value).ifPresent(ids::add);
  }

  private static OptionalInt id(JsonNode value) {
    JsonNode one = value.isArray() ? value.path(0) : value;
    return one.isInt() ? OptionalInt.of(one.intValue()) : OptionalInt.empty();
  }

  /**
   * The file chat_template.jinja, else the string or the template "default" of the configuration.
   */
  private Optional<String> chatTemplate(JsonNode config) {
    Path file = folder.resolve("chat_template.jinja");
    if (Files.exists(file)) {
      return Optional.of(text(file));
    }
    JsonNode template = config.path("chat_template");
    if (template.isArray()) {
      for (JsonNode named : template) {
        if (named.path("name").asString("").equals("default")) {
          return named.path("template").stringValueOpt();
        }
      }
      return template.path(0).path("template").stringValueOpt();
    }
    return template.stringValueOpt();
  }

  /** A JSON object beside tokenizer.json; empty if the file is not there. */
  private JsonNode object(String name) {
    Path file = folder.resolve(name);
    if (!Files.exists(file)) {
      return JsonNodeFactory.instance.objectNode();
    }
    try {
      JsonNode node = JsonMapper.shared().readTree(text(file));
      if (node.isObject()) {
        return node;
      }
    } catch (JacksonException e) {
      throw new TextException(file + " is not readable as JSON" + Vocabulary.place(e), e);
    }
    throw new TextException(file + " does not hold a JSON object");
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (CharacterCodingException e) {
      throw new TextException(file + " is not UTF-8 text", e);
    } catch (IOException e) {
      throw new TextException(file + " cannot be read: " + e.getMessage(), e);
    }
  }
}
