package io.gatun.runtime.generate;

import io.gatun.kernels.ops.Sample.Filters;
import java.util.List;

/**
 * How the next token is chosen. The filters apply in this order: repetition penalty, temperature,
 * top-k, top-p, min-p.
 *
 * @param temperature divisor of the logits; 0 takes the most likely token and ignores the filters
 *     below
 * @param topK keep the k most likely tokens; 0 keeps all
 * @param topP keep the smallest set of most likely tokens whose probabilities sum to at least this;
 *     1 keeps all
 * @param minP drop tokens less likely than this fraction of the most likely one; 0 keeps all
 * @param repetitionPenalty logits of tokens already seen are divided by this where positive and
 *     multiplied where negative (CTRL, arXiv 1909.05858); 1 is off
 * @param seed key of the random numbers; the same seed, prompt and settings give the same text
 * @param maxTokens most tokens to generate
 * @param stop texts that end the answer when they appear; they are not part of it
 */
public record Sampling(
    float temperature,
    int topK,
    float topP,
    float minP,
    float repetitionPenalty,
    long seed,
    int maxTokens,
    List<String> stop) {

  /** Checks every range. */
  public Sampling {
    check(temperature >= 0 && Float.isFinite(temperature), "temperature", temperature, "0 or more");
    check(topK >= 0, "top-k", topK, "0 (off) or more");
    check(topP > 0 && topP <= 1, "top-p", topP, "above 0 and at most 1");
    check(minP >= 0 && minP < 1, "min-p", minP, "at least 0 and below 1");
    check(
        repetitionPenalty > 0 && Float.isFinite(repetitionPenalty),
        "repetition-penalty",
        repetitionPenalty,
        "above 0 and finite");
    check(maxTokens > 0, "max-tokens", maxTokens, "1 or more");
    stop = List.copyOf(stop);
    check(stop.stream().noneMatch(String::isEmpty), "stop", "''", "a text that is not empty");
  }

  private static void check(boolean good, String name, Object value, String expected) {
    if (!good) {
      throw new IllegalArgumentException(name + " is " + value + "; it must be " + expected);
    }
  }

  /**
   * The most likely token every time.
   *
   * @param maxTokens most tokens to generate
   * @return greedy settings
   */
  public static Sampling greedy(int maxTokens) {
    return new Sampling(0, 0, 1, 0, 1, 0, maxTokens, List.of());
  }

  /**
   * The same settings with other stop texts.
   *
   * @param texts the texts
   * @return a copy
   */
  public Sampling withStop(List<String> texts) {
    return new Sampling(temperature, topK, topP, minP, repetitionPenalty, seed, maxTokens, texts);
  }

  /** What is left of the logits to be drawn from. */
  Filters filters() {
    return new Filters(temperature, topK, topP, minP, repetitionPenalty);
  }

  /**
   * Whether every choice is the most likely token.
   *
   * @return true when temperature is 0
   */
  public boolean isGreedy() {
    return temperature == 0;
  }
}
