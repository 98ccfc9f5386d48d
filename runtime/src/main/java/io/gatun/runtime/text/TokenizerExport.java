package io.gatun.runtime.text;

import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.TokenizerSource;
import io.gatun.quant.checkpoint.WholeFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes the tokenizer of a checkpoint beside a model made from it, as Hugging Face folders have
 * it.
 */
public final class TokenizerExport {
  private static final List<String> FILES =
      List.of(
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "vocab.txt",
          "sentencepiece.bpe.model",
          "tokenizer.model",
          "chat_template.jinja",
          "generation_config.json");

  private TokenizerExport() {}

  /**
   * Copies the files of a folder, or makes them from the metadata of a GGUF file or from the
   * tokenizer.json of an archive.
   *
   * @param checkpoint whose tokenizer
   * @param folder exists
   */
  public static void write(Checkpoint checkpoint, Path folder) {
    switch (checkpoint.tokenizer()) {
      case TokenizerSource.Folder source -> copy(source.folder(), folder);
      case TokenizerSource.Metadata source -> write(GgufTokenizer.read(source.file()), folder);
      case TokenizerSource.Text source -> write(TokenizerText.read(source), folder);
    }
  }

  private static void copy(Path from, Path to) {
    for (String name : FILES) {
      Path file = from.resolve(name);
      if (Files.isRegularFile(file)) {
        try {
          WholeFile.write(to.resolve(name), Files.readAllBytes(file));
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  private static void write(TokenizerFiles files, Path folder) {
    var mapper = new ObjectMapper();
    var config = mapper.createObjectNode();
    config.put("tokenizer_class", "PreTrainedTokenizerFast");
    config.put("clean_up_tokenization_spaces", false);
    files.specialTokens().forEach(config::put);
    if (files.specialTokens().containsKey("cls_token")) {
      var inputs = config.putArray("model_input_names"); // without it, pairs would lose their types
      List.of("input_ids", "token_type_ids", "attention_mask").forEach(inputs::add);
    }
    WholeFile.write(
        folder.resolve("tokenizer.json"), files.json().getBytes(StandardCharsets.UTF_8));
    write(mapper, config, folder.resolve("tokenizer_config.json"));
    files
        .chatTemplate()
        .ifPresent(template ->
            WholeFile.write(
                folder.resolve("chat_template.jinja"), template.getBytes(StandardCharsets.UTF_8)));
    var generation = mapper.createObjectNode();
    files.bos().ifPresent(id -> generation.put("bos_token_id", id));
    files.eos().ifPresent(id -> generation.put("eos_token_id", id));
    files.pad().ifPresent(id -> generation.put("pad_token_id", id));
    write(mapper, generation, folder.resolve("generation_config.json"));
  }

  private static void write(ObjectMapper mapper, ObjectNode json, Path file) {
    WholeFile.write(file, mapper.writerWithDefaultPrettyPrinter().writeValueAsBytes(json));
  }
}
