package io.gatun.runtime.model;

/**
 * The four matrix products of a block. Linear layers that read the same input are siblings and are
 * stored and multiplied as one weight: their rows stand one below the other, in the order in which
 * the configuration names them.
 */
public enum Projection {
  /** Queries, keys and values: (tokens, hidden) to (tokens, (heads + 2 kvHeads) headDim). */
  QKV,
  /** Attention output: (tokens, heads headDim) to (tokens, hidden). */
  OUTPUT,
  /**
   * Into the feed-forward part: (tokens, hidden) to (tokens, feedForward), or gate and up to
   * (tokens, 2 feedForward).
   */
  UP,
  /** Down: (tokens, feedForward) to (tokens, hidden). */
  DOWN
}
