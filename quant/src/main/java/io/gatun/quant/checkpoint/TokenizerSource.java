package io.gatun.quant.checkpoint;

import java.nio.file.Path;

/** Where the tokenizer of a checkpoint is. */
public sealed interface TokenizerSource {
  /**
   * In the files of a Hugging Face folder, such as tokenizer.json.
   *
   * @param folder the folder; whether it holds a tokenizer has not been looked at
   */
  record Folder(Path folder) implements TokenizerSource {}

  /**
   * In the metadata of a GGUF file, under {@code tokenizer.}
   *
   * @param file the file
   */
  record Metadata(Gguf file) implements TokenizerSource {}

  /**
   * A tokenizer.json in an archive.
   *
   * @param origin the archive and the name inside it
   * @param json the text; whether it is a tokenizer has not been looked at
   */
  record Text(String origin, String json) implements TokenizerSource {}
}
