package io.gatun.runtime.text;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A tokenizer as GGUF files describe it.
 *
 * @param model "gpt2" for byte-level BPE with merges, "llama" for SentencePiece BPE with scores
 * @param pre name of the rule that cuts text into words
 * @param tokens the vocabulary in order of ids
 * @param types kind of each token: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6
 *     byte; empty if all are normal
 * @param merges "left right", first applied first
 * @param scores rank of each token, highest first
 * @param bos first token of a text
 * @param eos last token of a text
 * @param unknown token for what no other stands for
 * @param addBos whether texts get a first token
 * @param addEos whether texts get a last token
 * @param addSpacePrefix whether texts get a blank before their first word
 */
record TokenizerData(
    String model,
    String pre,
    List<String> tokens,
    long[] types,
    List<String> merges,
    double[] scores,
    OptionalInt bos,
    OptionalInt eos,
    OptionalInt unknown,
    Optional<Boolean> addBos,
    Optional<Boolean> addEos,
    Optional<Boolean> addSpacePrefix) {
  static final int UNKNOWN = 2;
  static final int CONTROL = 3;
  static final int USER_DEFINED = 4;
  static final int UNUSED = 5;
  static final int BYTE = 6;

  /** Checks that the lists belong together. */
  TokenizerData {
    if (types.length != 0 && types.length != tokens.size()) {
      throw new TextException(
          "the tokenizer has %d tokens and %d token types".formatted(tokens.size(), types.length));
    }
    if (model.equals("llama") && scores.length != tokens.size()) {
      throw new TextException(
          "the tokenizer has %d tokens and %d scores".formatted(tokens.size(), scores.length));
    }
  }

  /** The kind of a token. */
  int type(int id) {
    return types.length == 0 ? 1 : (int) types[id];
  }

  /** Whether the token is cut out of the text before anything else. */
  boolean isAdded(int id) {
    return type(id) == CONTROL || type(id) == USER_DEFINED || type(id) == UNKNOWN;
  }

  boolean has(int kind) {
    for (long type : types) {
      if (type == kind) {
        return true;
      }
    }
    return false;
  }
}
