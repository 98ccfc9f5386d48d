package io.gatun.runtime.generate;

import java.util.List;

/**
 * What a model said.
 *
 * @param text the answer, without end tokens and stop texts
 * @param ids the generated tokens, the end token included if there was one
 * @param finish why it ended
 */
public record Answer(String text, List<Integer> ids, Finish finish) {
  /** Why an answer ended. */
  public enum Finish {
    /** The model ended its turn. */
    END,
    /** A stop text appeared. */
    STOP,
    /** The most tokens allowed, or the model's context, were used up. */
    LENGTH
  }

  /** Copies the ids. */
  public Answer {
    ids = List.copyOf(ids);
  }
}
