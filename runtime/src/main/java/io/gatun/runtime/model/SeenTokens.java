package io.gatun.runtime.model;

import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.ops.Sample.Seen;
import java.lang.foreign.Arena;

/**
 * Which tokens the sequences of a cache have, for a repetition penalty: in device memory, where
 * each token that is drawn is noted.
 */
public final class SeenTokens {
  private final int vocabulary;
  private final Seen seen;

  private SeenTokens(int vocabulary, Seen seen) {
    this.vocabulary = vocabulary;
    this.seen = seen;
  }

  /**
   * Allocates the memory, a bit for each sequence and token.
   *
   * @param decoder the model
   * @param cache whose sequences are meant
   * @param arena owns the memory
   * @return no token seen
   */
  public static SeenTokens allocate(Decoder decoder, KvCache cache, Arena arena) {
    int vocabulary = decoder.config().vocabulary();
    int words = Seen.words(vocabulary);
    int all = Math.multiplyExact(words, cache.sequences());
    var bits = Ints.allocate(decoder.device(), "run.seen-tokens", all, arena);
    return new SeenTokens(vocabulary, new Seen(bits, words));
  }

  /**
   * A sequence begins anew.
   *
   * @param sequence number of the sequence
   * @param prompt all tokens that it has
   * @throws IllegalArgumentException when one is not of the model's vocabulary
   */
  public void begin(int sequence, int[] prompt) {
    int[] words = new int[seen.words()];
    for (int token : prompt) {
      if (token < 0 || token >= vocabulary) {
        throw new IllegalArgumentException(
            "token %d of a prompt is not in the model's vocabulary of %d"
                .formatted(token, vocabulary));
      }
      words[token / Integer.SIZE] |= 1 << token;
    }
    HostCopy.write(seen.bits().slice(sequence * words.length, words.length), words);
  }

  Seen seen() {
    return seen;
  }
}
