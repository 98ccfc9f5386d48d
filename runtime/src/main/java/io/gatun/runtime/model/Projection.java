package io.gatun.runtime.model;

import java.util.List;

/**
 * The four matrix products of a block. Linear layers that read the same input are siblings and are
 * stored and multiplied as one weight: their rows stand one below the other, in this order.
 */
public enum Projection {
  /** Queries, keys and values: (tokens, hidden) to (tokens, (heads + 2 kvHeads) headDim). */
  QKV("self_attn", List.of("q_proj", "k_proj", "v_proj")),
  /** Attention output: (tokens, heads headDim) to (tokens, hidden). */
  OUTPUT("self_attn", List.of("o_proj")),
  /** Gate and up: (tokens, hidden) to (tokens, 2 feedForward). */
  GATE_UP("mlp", List.of("gate_proj", "up_proj")),
  /** Down: (tokens, feedForward) to (tokens, hidden). */
  DOWN("mlp", List.of("down_proj"));

  private final String parent;
  private final List<String> siblings;

  Projection(String parent, List<String> siblings) {
    this.parent = parent;
    this.siblings = siblings;
  }

  /**
   * The module that holds the siblings.
   *
   * @return {@code self_attn} or {@code mlp}
   */
  String parent() {
    return parent;
  }

  /**
   * Names of the linear layers, in the order of their rows.
   *
   * @return one to three names
   */
  public List<String> siblings() {
    return siblings;
  }
}
