package io.gatun.runtime.model;

import io.gatun.kernels.ops.Sample.Filters;
import java.util.Optional;

/** What a pass of decoding makes of the logits. */
sealed interface Choice {

  /** Nothing: they are asked for. */
  record Logits() implements Choice {}

  /**
   * The likeliest token.
   *
   * @param vocabulary tokens that may be chosen: those below
   */
  record Likeliest(int vocabulary) implements Choice {}

  /**
   * A token drawn at random.
   *
   * @param vocabulary tokens that may be chosen: those below
   * @param filters what is left to be drawn from
   * @param seen tokens that the sequences have, where a penalty asks for them
   */
  record Drawn(int vocabulary, Filters filters, Optional<SeenTokens> seen) implements Choice {}
}
