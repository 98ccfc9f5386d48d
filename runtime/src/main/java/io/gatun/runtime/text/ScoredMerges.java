package io.gatun.runtime.text;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The merges of a SentencePiece BPE vocabulary: every way to put a token together from two others,
 * the token of the highest score first.
 */
final class ScoredMerges {
  private ScoredMerges() {}

  /** A merge and what decides its place. */
  private record Merge(String left, String right, double score) {}

  /** The merges in the order of their use, each a pair. */
  static List<List<String>> of(TokenizerData data) {
    Map<String, Integer> ids = new HashMap<>(2 * data.tokens().size());
    for (int id = 0; id < data.tokens().size(); id++) {
      if (isPiece(data, id)) {
        ids.put(data.tokens().get(id), id);
      }
    }
    var merges = new ArrayList<Merge>();
    for (int id = 0; id < data.tokens().size(); id++) {
      if (isPiece(data, id)) {
        add(data.tokens().get(id), data.scores()[id], ids, merges);
      }
    }
    merges.sort(
        Comparator.comparingDouble(Merge::score)
            .thenComparing(m -> characters(m.left()))
            .thenComparing(m -> characters(m.right()))
            .reversed());
    return merges.stream().map(m -> List.of(m.left(), m.right())).toList();
  }

  private static boolean isPiece(TokenizerData data, int id) {
    return !data.isAdded(id)
        && data.type(id) != TokenizerData.UNUSED
        && data.type(id) != TokenizerData.BYTE;
  }

  /** Adds the ways to put a token together, by the ids of their parts. */
  private static void add(
      String token, double score, Map<String, Integer> ids, List<Merge> merges) {
    var local = new ArrayList<Merge>();
    for (int i = 1; i < token.length(); i++) {
      if (Character.isLowSurrogate(token.charAt(i))) {
        continue;
      }
      String left = token.substring(0, i);
      String right = token.substring(i);
      if (ids.containsKey(left) && ids.containsKey(right)) {
        local.add(new Merge(left, right, score));
      }
    }
    local.sort(
        Comparator.<Merge>comparingInt(m -> ids.get(m.left()))
            .thenComparingInt(m -> ids.get(m.right())));
    merges.addAll(local);
  }

  private static int characters(String s) {
    return s.codePointCount(0, s.length());
  }
}
