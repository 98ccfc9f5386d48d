package io.gatun.runtime.text;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The rules by which byte-level tokenizers in GGUF files cut text into words. */
enum PreTokenizer {
  SMOLLM(Set.of("smollm"), List.of("\\p{N}"), true, false, false, false),
  LLAMA3(
      Set.of("llama-bpe", "llama3", "llama-v3"),
      List.of(words("\\p{N}{1,3}")),
      false,
      false,
      true,
      true),
  QWEN2(Set.of("qwen2"), List.of(words("\\p{N}")), false, true, false, false),
  GPT2(Set.of("gpt-2"), List.of(), true, false, false, false),
  DEFAULT(
      Set.of("default"),
      List.of(
          "[\\p{P}\\$\\+<=>\\^~\\|]+",
          "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)",
          "\\p{N}+",
          "[0-9][0-9][0-9]"),
      false,
      false,
      false,
      false);

  private final Set<String> names;

  /** Patterns applied one after the other; what matches is a piece of its own. */
  final List<String> splits;

  /** Whether the pieces are then cut by GPT-2's pattern. */
  final boolean gpt2;

  /** Whether text is put into Unicode's form NFC first. */
  final boolean nfc;

  /** Whether a piece that is a token is taken as it is. */
  final boolean ignoreMerges;

  /** Whether texts get a first token unless the file says otherwise. */
  final boolean addBos;

  PreTokenizer(
      Set<String> names,
      List<String> splits,
      boolean gpt2,
      boolean nfc,
      boolean ignoreMerges,
      boolean addBos) {
    this.names = names;
    this.splits = splits;
    this.gpt2 = gpt2;
    this.nfc = nfc;
    this.ignoreMerges = ignoreMerges;
    this.addBos = addBos;
  }

  /**
   * The rule of a name in tokenizer.ggml.pre.
   *
   * @throws TextException if it is not known: a near miss would give wrong tokens in silence
   */
  static PreTokenizer of(String name) {
    return Stream.of(values())
        .filter(rule -> rule.names.contains(name))
        .findFirst()
        .orElseThrow(() ->
            new TextException(
                "tokenizer.ggml.pre is '%s'; known are %s: use the model's Hugging Face folder instead"
                    .formatted(name, known())));
  }

  private static String known() {
    return Stream.of(values())
        .flatMap(rule -> rule.names.stream())
        .sorted()
        .collect(Collectors.joining(", "));
  }

  private static String words(String number) {
    return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
        + number
        + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  }
}
