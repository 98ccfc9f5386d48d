package io.gatun.bench.shape;

import io.gatun.runtime.model.Batch;
import io.gatun.runtime.model.Sequence;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * The rows of a step.
 *
 * @param count how many
 * @param length tokens of each
 */
public record Rows(int count, int length) {
  private static final int MOST_TOKENS = 1 << 24;

  /** Refuses rows that make no step. */
  public Rows {
    if (count < 1 || length < 2 || (long) count * length > MOST_TOKENS) {
      throw new IllegalArgumentException(
          "%dx%d tokens make no step: there must be rows, each of 2 tokens or more, and %d in all at most"
              .formatted(count, length, MOST_TOKENS));
    }
  }

  /**
   * Reads rows.
   *
   * @param text for example 4x2048, or 8192 for one row
   * @return the rows
   * @throws IllegalArgumentException if it is something else
   */
  public static Rows parse(String text) {
    var parts = text.split("x", -1);
    try {
      return switch (parts.length) {
        case 1 -> new Rows(1, Integer.parseInt(parts[0]));
        case 2 -> new Rows(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
        default -> throw new NumberFormatException();
      };
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "'%s' are no rows; write 4x2048 for 4 rows of 2048 tokens".formatted(text), e);
    }
  }

  /**
   * Tokens of the step.
   *
   * @return count times length
   */
  public int tokens() {
    return count * length;
  }

  /**
   * Rows of random tokens, of which all but the first of each row are learned.
   *
   * @param vocabulary below which tokens are
   * @param seed of the tokens
   * @return the batch
   */
  public Batch batch(int vocabulary, long seed) {
    var random = new SplittableRandom(seed);
    var sequences = new ArrayList<Sequence>();
    float[] weights = new float[length];
    Arrays.fill(weights, 1, length, 1);
    for (int row = 0; row < count; row++) {
      sequences.add(
          new Sequence(random.ints(length, 0, vocabulary).toArray(), weights, row * length));
    }
    return Batch.pack(sequences, false);
  }

  @Override
  public String toString() {
    return count + "x" + length;
  }
}
