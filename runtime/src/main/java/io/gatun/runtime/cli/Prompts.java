package io.gatun.runtime.cli;

import io.gatun.runtime.text.ChatTemplate;
import io.gatun.runtime.text.Tokenizer;
import java.util.List;
import java.util.Map;

/** Conversations as tokens. */
final class Prompts {
  private Prompts() {}

  /** A turn as templates take it. */
  static Map<String, Object> turn(String role, String content) {
    return Map.of("role", role, "content", content);
  }

  /**
   * What the model reads before it answers.
   *
   * @param turns the conversation so far
   * @param prefill beginning of the answer, may be empty
   */
  static int[] answering(Tokenizer tokenizer, List<Map<String, Object>> turns, String prefill) {
    String text = template(tokenizer).render(turns, true, Map.of()).text();
    return tokenizer.encode(text + prefill, false);
  }

  /** A whole conversation as text. */
  static String render(Tokenizer tokenizer, List<Map<String, Object>> turns) {
    return template(tokenizer).render(turns, false, Map.of()).text();
  }

  private static ChatTemplate template(Tokenizer tokenizer) {
    return tokenizer
        .chatTemplate()
        .orElseThrow(() ->
            new UsageException(
                "this model has no chat template; give the text as the model reads it, with"
                    + " --ignore-chat-template"));
  }
}
