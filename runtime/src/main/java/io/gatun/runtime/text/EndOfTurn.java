package io.gatun.runtime.text;

import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/** The tokens that end what an assistant says. */
final class EndOfTurn {
  /** Names that model families gave such tokens. */
  private static final List<String> NAMES =
      List.of(
          "<|im_end|>",
          "<|eot_id|>",
          "<|eom_id|>",
          "<end_of_turn>",
          "<|end_of_turn|>",
          "<|end|>",
          "<|endoftext|>",
          "<|end_of_text|>",
          "<|return|>",
          "<|call|>");

  private EndOfTurn() {}

  /** The ids of all known names, of the end of a text, and of those the files list. */
  static Set<Integer> ids(Vocabulary vocabulary, OptionalInt eos, Set<Integer> listed) {
    var ids = new TreeSet<Integer>(listed);
    eos.ifPresent(ids::add);
    // Where <|return|> ends the turn, <|end|> only ends one of its messages.
    boolean messages = vocabulary.addedId("<|return|>").isPresent();
    for (String name : NAMES) {
      if (!messages || !name.equals("<|end|>")) {
        vocabulary.addedId(name).ifPresent(ids::add);
      }
    }
    ids.removeIf(id -> !vocabulary.has(id));
    return Collections.unmodifiableSet(ids);
  }
}
