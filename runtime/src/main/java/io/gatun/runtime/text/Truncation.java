package io.gatun.runtime.text;

import java.util.ArrayList;
import java.util.stream.IntStream;

/**
 * Cuts texts that are too long at their ends. What the tokenizer puts around them stays: a sequence
 * without its last separator is none that the model has seen.
 */
final class Truncation {
  private Truncation() {}

  /**
   * A text cut to a length.
   *
   * @throws IllegalArgumentException if there is no room for the added tokens
   */
  static Encoding of(Encoding whole, int maxLength) {
    return longestFirst(whole, whole.length() - added(whole), maxLength);
  }

  /**
   * A pair cut to a length: tokens are taken from the longer text, until both are equally long, and
   * then from both. Where one must be longer by a token it is the one that was longer, else the
   * second.
   *
   * @param whole the first text's tokens stand before the second's
   * @param first tokens of the first text
   * @param maxLength most tokens of the result
   * @throws IllegalArgumentException if there is no room for the added tokens
   */
  static Encoding longestFirst(Encoding whole, int first, int maxLength) {
    int added = added(whole);
    int room = maxLength - added;
    if (room < 0) {
      throw new IllegalArgumentException(
          "%d tokens are too few: the tokenizer alone adds %d".formatted(maxLength, added));
    }
    int second = whole.length() - added - first;
    if (first + second <= room) {
      return whole;
    }
    int shorter = Math.min(Math.min(first, second), room / 2);
    boolean cutSecond = first <= second;
    int keepFirst = cutSecond ? shorter : room - shorter;
    return kept(whole, first, keepFirst, room - keepFirst);
  }

  private static int added(Encoding whole) {
    return (int) IntStream.range(0, whole.length()).filter(i -> whole.special()[i]).count();
  }

  /** The added tokens, and the first tokens of each text. */
  private static Encoding kept(Encoding whole, int first, int keepFirst, int keepSecond) {
    var places = new ArrayList<Integer>();
    int text = 0;
    for (int i = 0; i < whole.length(); i++) {
      int place = text < first ? text : text - first;
      if (whole.special()[i] || place < (text < first ? keepFirst : keepSecond)) {
        places.add(i);
      }
      text += whole.special()[i] ? 0 : 1;
    }
    boolean[] special = new boolean[places.size()];
    for (int i = 0; i < special.length; i++) {
      special[i] = whole.special()[places.get(i)];
    }
    return new Encoding(
        places.stream().mapToInt(i -> whole.ids()[i]).toArray(),
        places.stream().mapToInt(i -> whole.typeIds()[i]).toArray(),
        special,
        places.stream().map(whole.spans()::get).toList());
  }
}
