package io.gatun.bench.shape;

import io.gatun.runtime.adapter.AdapterSize;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.model.Projection;

/**
 * The useful arithmetic of a training step, multiplications and additions: what any way of
 * computing it must do. What is computed a second time to save memory does not count, nor do norms,
 * rotation and softmax. With T tokens, P weights of linear layers, V x H the head, R parameters of
 * adapters:
 *
 * <pre>
 *   linears    4 T P     forward and the gradient of the input; frozen weights have none
 *   head       4 T V H   the same
 *   attention  14 H_q pairs, for each block: 4 forward, 2.5 times that backward; a pair is a token
 *              and one that it sees, H_q the features of all query heads
 *   lora       6 T R     forward, the gradient of the input, and those of A and B
 * </pre>
 *
 * @param linears of all blocks
 * @param head of the output
 * @param attention of all blocks
 * @param lora of all adapters
 */
public record StepFlops(double linears, double head, double attention, double lora) {
  private static final double ATTENTION_BACKWARD = 2.5; // five products for two

  /**
   * The arithmetic of a step.
   *
   * @param config the base
   * @param adapter which layers, which rank
   * @param rows of the step
   * @return by part
   */
  public static StepFlops of(DecoderConfig config, LoraConfig adapter, Rows rows) {
    double weights = 0;
    for (var projection : Projection.values()) {
      weights +=
          (double) config.layers() * config.outputCols(projection) * config.inputs(projection);
    }
    double pairs = 0;
    for (int window : config.windows()) {
      pairs += rows.count() * pairs(rows.length(), window);
    }
    double tokens = rows.tokens();
    return new StepFlops(
        4 * tokens * weights,
        4 * tokens * config.vocabulary() * config.hidden(),
        4 * (1 + ATTENTION_BACKWARD) * config.queryCols() * pairs,
        6 * tokens * AdapterSize.of(adapter, config).parameters());
  }

  /** Tokens and what each sees of its row: all before it and itself, or as many as the window. */
  private static double pairs(int length, int window) {
    double seen = window == 0 ? length : Math.min(length, window);
    return seen * (seen + 1) / 2 + (length - seen) * seen;
  }

  /**
   * All of it.
   *
   * @return multiplications and additions
   */
  public double total() {
    return linears + head + attention + lora;
  }
}
