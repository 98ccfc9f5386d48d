package io.gatun.runtime.text;

import io.gatun.quant.checkpoint.TokenizerSource;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/** A tokenizer.json by itself, without the files that name the roles of its special tokens. */
final class TokenizerText {
  /** BERT's special tokens, whose roles their spelling tells. */
  private static final Map<String, String> ROLES =
      Map.of(
          "[CLS]", "cls_token",
          "[SEP]", "sep_token",
          "[PAD]", "pad_token",
          "[UNK]", "unk_token",
          "[MASK]", "mask_token");

  private TokenizerText() {}

  /**
   * The tokenizer of an archive.
   *
   * @throws TextException if the text is not a tokenizer.json
   */
  static TokenizerFiles read(TokenizerSource.Text source) {
    var names = new LinkedHashMap<String, String>();
    try {
      var vocabulary = Vocabulary.of(source.json());
      ROLES.forEach(
          (token, role) -> vocabulary.addedId(token).ifPresent(_ -> names.put(role, token)));
    } catch (TextException e) {
      throw new TextException(source.origin() + ": " + e.getMessage(), e);
    }
    return new TokenizerFiles(
        source.origin(),
        source.json(),
        names,
        OptionalInt.empty(),
        OptionalInt.empty(),
        OptionalInt.empty(),
        Set.of(),
        Optional.empty());
  }
}
