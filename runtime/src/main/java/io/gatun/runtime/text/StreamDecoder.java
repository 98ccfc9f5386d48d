package io.gatun.runtime.text;

import java.util.Arrays;

/**
 * Text while tokens are generated. Each token gives the text that no later token can change: bytes
 * of an unfinished character are held back until it is whole, and so are byte tokens whose run may
 * still turn out to be no text. All pieces together are what {@link Tokenizer#decode} gives for all
 * tokens at once. For one thread.
 */
public final class StreamDecoder {
  private final Tokenizer tokenizer;
  private final Vocabulary vocabulary;
  private final boolean skipSpecialTokens;

  /** Tokens whose text is out, kept because the first token of a text may read differently. */
  private int[] given = new int[0];

  private int[] pending = new int[8];
  private int count;

  StreamDecoder(Tokenizer tokenizer, Vocabulary vocabulary, boolean skipSpecialTokens) {
    this.tokenizer = tokenizer;
    this.vocabulary = vocabulary;
    this.skipSpecialTokens = skipSpecialTokens;
  }

  /**
   * Takes the next token.
   *
   * @param id the token
   * @return the text that is now certain, often empty
   * @throws TextException if the tokenizer has no such token
   */
  public String next(int id) {
    vocabulary.require(id);
    if (skipSpecialTokens && vocabulary.isSpecial(id)) {
      return "";
    }
    if (count == pending.length) {
      pending = Arrays.copyOf(pending, 2 * count);
    }
    pending[count++] = id;
    return vocabulary.isByte(id) ? "" : flush(true);
  }

  /**
   * Ends the text.
   *
   * @return what was held back; an unfinished character reads as U+FFFD
   */
  public String end() {
    return count == 0 ? "" : flush(false);
  }

  private String flush(boolean holdUnfinished) {
    int[] all = Arrays.copyOf(given, given.length + count);
    System.arraycopy(pending, 0, all, given.length, count);
    String before = given.length == 0 ? "" : tokenizer.decode(given, skipSpecialTokens);
    String text = tokenizer.decode(all, skipSpecialTokens);
    if (holdUnfinished && text.endsWith("\uFFFD")) {
      return "";
    }
    given = Arrays.copyOf(pending, count);
    count = 0;
    return text.substring(Math.min(before.length(), text.length()));
  }
}
