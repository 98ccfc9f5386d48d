package io.gatun.runtime.train;

import java.util.List;

/** The shapes of rows, with the keys that each row of that shape must have. */
enum RowShape {
  /** Prompt and completion, as strings or message lists. */
  COMPLETION("prompt/completion", "prompt", "completion"),
  /** A conversation of role and content. */
  MESSAGES("messages", "messages"),
  /** A conversation of from and value. */
  SHAREGPT("sharegpt", "conversations"),
  /** Instruction, input and output. */
  ALPACA("alpaca", "instruction", "output"),
  /** Raw text, where no other shape fits. */
  TEXT("text", "text");

  /** What people call it. */
  final String title;

  /** Keys that must be there. */
  final List<String> keys;

  RowShape(String title, String... keys) {
    this.title = title;
    this.keys = List.of(keys);
  }
}
