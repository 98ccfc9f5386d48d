package io.gatun.runtime.model;

import io.gatun.runtime.adapter.LoraAdapter;
import java.util.Optional;

/**
 * Tokens to add to one sequence of a cache.
 *
 * @param sequence number of the sequence; {@link #PREFIX} for the common prefix
 * @param ids at least one
 * @param adapter that acts on them, if any
 */
public record Feed(int sequence, int[] ids, Optional<LoraAdapter> adapter) {
  /** The common prefix, which must be complete before other sequences begin. */
  public static final int PREFIX = -1;

  /** Checks that there is a token. */
  public Feed {
    if (ids.length == 0) {
      throw new IllegalArgumentException("nothing to add to sequence " + sequence);
    }
  }

  boolean isPrefix() {
    return sequence == PREFIX;
  }
}
