package io.gatun.runtime.generate;

import java.util.List;

/** How many tokens prompts have in common at their beginning. */
final class CommonPrefix {
  /** Shorter beginnings are not worth computing apart. */
  private static final int SHORTEST = 8;

  private CommonPrefix() {}

  /**
   * Length of the common beginning that leaves each prompt at least one token; 0 if not worth it.
   */
  static int length(List<int[]> prompts) {
    if (prompts.size() < 2) {
      return 0;
    }
    int[] first = prompts.getFirst();
    int common = first.length - 1;
    for (int[] prompt : prompts) {
      int limit = Math.min(common, prompt.length - 1);
      common = 0;
      while (common < limit && prompt[common] == first[common]) {
        common++;
      }
    }
    return common < SHORTEST ? 0 : common;
  }
}
