package io.gatun.runtime.text;

import io.gatun.quant.checkpoint.Gguf;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** The tokenizer in the metadata of a GGUF file, as a tokenizer.json made in memory. */
final class GgufTokenizer {
  private static final String KEYS = "tokenizer.ggml.";
  private static final List<String> ROLES =
      List.of("bos", "eos", "unknown", "seperator", "padding", "mask");
  private static final List<String> NAMES =
      List.of("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "mask_token");

  private final Gguf file;
  private final List<String> tokens;

  private GgufTokenizer(Gguf file) {
    this.file = file;
    tokens = file.strings(KEYS + "tokens");
  }

  /**
   * Reads the metadata under {@code tokenizer.}
   *
   * @throws TextException if there is no tokenizer, or one of a kind that is not supported
   */
  static TokenizerFiles read(Gguf file) {
    try {
      return new GgufTokenizer(file).read();
    } catch (TextException e) {
      throw new TextException(file.file() + ": " + e.getMessage(), e);
    }
  }

  private TokenizerFiles read() {
    Optional<String> json = file.string("tokenizer.huggingface.json");
    if (tokens.isEmpty() && json.isEmpty()) {
      throw new TextException("the file has no tokenizer");
    }
    var names = new LinkedHashMap<String, String>();
    for (int i = 0; i < ROLES.size(); i++) {
      OptionalInt id = id(ROLES.get(i));
      if (id.isPresent()) {
        names.put(NAMES.get(i), tokens.get(id.getAsInt()));
      }
    }
    var ends = new HashSet<Integer>();
    id("eot").ifPresent(ends::add);
    id("eom").ifPresent(ends::add);
    return new TokenizerFiles(
        file.file().toString(),
        json.isPresent() ? json.get() : TokenizerJson.write(data()),
        names,
        id("bos"),
        id("eos"),
        id("padding"),
        ends,
        file.string("tokenizer.chat_template"));
  }

  /** The token of a role; a number outside the vocabulary stands for none. */
  private OptionalInt id(String role) {
    long id = file.integer(KEYS + role + "_token_id").orElse(-1);
    return id >= 0 && id < tokens.size() ? OptionalInt.of((int) id) : OptionalInt.empty();
  }

  private TokenizerData data() {
    return new TokenizerData(
        file.string(KEYS + "model").orElse("none"),
        file.string(KEYS + "pre").orElse("default"),
        tokens,
        file.integers(KEYS + "token_type"),
        file.strings(KEYS + "merges"),
        file.numbers(KEYS + "scores"),
        id("bos"),
        id("eos"),
        id("unknown"),
        file.flag(KEYS + "add_bos_token"),
        file.flag(KEYS + "add_eos_token"),
        file.flag(KEYS + "add_space_prefix"));
  }
}
