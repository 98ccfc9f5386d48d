package io.gatun.runtime.text;

import ai.djl.huggingface.tokenizers.jni.CharSpan;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.LongFunction;

/**
 * Hugging Face's tokenizers library behind DJL's native functions, and the one place that touches
 * them. Its system properties are set before the library's first use: no network, no measurements
 * sent, the build for CPUs, files in the user's cache folder. Safe for use by several threads;
 * closing waits for calls that are under way.
 */
final class NativeTokenizer implements AutoCloseable {
  static {
    System.setProperty("OPT_OUT_TRACKING", "true");
    System.setProperty("ai.djl.offline", "true");
    System.setProperty("RUST_FLAVOR", "cpu");
    if (System.getProperty("DJL_CACHE_DIR", "").isEmpty()) {
      System.setProperty("DJL_CACHE_DIR", cache().toString());
    }
  }

  /** Texts handed to the library at once, by number and by characters. */
  private static final int BATCH = 256;

  private static final int BATCH_CHARACTERS = 1 << 20;

  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private final long handle;
  private boolean closed;

  private NativeTokenizer(long handle) {
    this.handle = handle;
  }

  /**
   * Reads a tokenizer.
   *
   * @param json the text of a tokenizer.json; its own truncation and padding are switched off
   * @throws TextException if the library cannot be loaded or refuses the text
   */
  static NativeTokenizer of(String json) {
    TokenizersLibrary library = library();
    try {
      long handle = library.createTokenizerFromString(json);
      library.disableTruncation(handle);
      library.disablePadding(handle);
      return new NativeTokenizer(handle);
    } catch (RuntimeException e) {
      throw new TextException("not a tokenizer: " + e.getMessage(), e);
    }
  }

  private static Path cache() {
    String chosen = System.getProperty("gatun.cache", "");
    if (!chosen.isEmpty()) {
      return Path.of(chosen).toAbsolutePath();
    }
    String xdg = System.getenv().getOrDefault("XDG_CACHE_HOME", "");
    Path base = xdg.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(xdg);
    return base.resolve("gatun").toAbsolutePath();
  }

  private static TokenizersLibrary library() {
    try {
      LibUtils.checkStatus();
      return TokenizersLibrary.LIB;
    } catch (RuntimeException | LinkageError e) {
      throw new TextException(
          "the tokenizers library cannot be loaded (%s); it needs Linux x86-64 or aarch64 with glibc 2.34, or macOS on aarch64, and a cache folder to write to: -Dgatun.cache=FOLDER"
              .formatted(e.getMessage()),
          e);
    }
  }

  /** The ids of a text. */
  int[] ids(String text, boolean addSpecialTokens) {
    return use(library -> {
      long encoding = library.encode(handle, wellFormed(text), addSpecialTokens);
      return read(library, encoding, NativeTokenizer::ids);
    });
  }

  /** The ids of several texts, in several threads. */
  List<int[]> ids(List<String> texts, boolean addSpecialTokens) {
    var ids = new ArrayList<int[]>(texts.size());
    int from = 0;
    while (from < texts.size()) {
      int to = from;
      long characters = 0;
      while (to < texts.size() && to - from < BATCH && characters < BATCH_CHARACTERS) {
        characters += texts.get(to++).length();
      }
      ids.addAll(batch(texts.subList(from, to), addSpecialTokens));
      from = to;
    }
    return ids;
  }

  private List<int[]> batch(List<String> texts, boolean addSpecialTokens) {
    return use(library -> {
      long[] encodings = library.batchEncode(handle, wellFormed(texts), addSpecialTokens);
      var ids = new ArrayList<int[]>(encodings.length);
      for (long encoding : encodings) {
        ids.add(read(library, encoding, NativeTokenizer::ids));
      }
      return ids;
    });
  }

  /** A text with all that is known of its tokens. */
  Encoding encoding(String text, boolean addSpecialTokens) {
    return use(library -> {
      long encoding = library.encode(handle, wellFormed(text), addSpecialTokens);
      return read(library, encoding, e -> encoding(e, List.of(text)));
    });
  }

  /** Two texts as one sequence, with what the tokenizer puts around them. */
  Encoding encoding(String first, String second) {
    return use(library -> {
      long encoding = library.encodeDual(handle, wellFormed(first), wellFormed(second), true);
      return read(library, encoding, e -> encoding(e, List.of(first, second)));
    });
  }

  /** The text of ids, all of which the tokenizer knows. */
  String decode(int[] ids, boolean skipSpecialTokens) {
    long[] wide = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      wide[i] = ids[i];
    }
    return use(library -> library.decode(handle, wide, skipSpecialTokens));
  }

  private interface Use<T> {
    T apply(TokenizersLibrary library);
  }

  private <T> T use(Use<T> use) {
    Lock open = lock.readLock();
    open.lock();
    try {
      if (closed) {
        throw new IllegalStateException("the tokenizer is closed");
      }
      return use.apply(TokenizersLibrary.LIB);
    } finally {
      open.unlock();
    }
  }

  private static String[] wellFormed(List<String> texts) {
    return texts.stream().map(NativeTokenizer::wellFormed).toArray(String[]::new);
  }

  /**
   * The text with U+FFFD for each half of a surrogate pair: the library reads the rest wrongly
   * else.
   */
  private static String wellFormed(String text) {
    StringBuilder fixed = null;
    for (int i = 0; i < text.length(); i++) {
      if (!Character.isSurrogate(text.charAt(i))) {
        continue;
      }
      if (Character.isSupplementaryCodePoint(text.codePointAt(i))) {
        i++;
      } else {
        fixed = fixed == null ? new StringBuilder(text) : fixed;
        fixed.setCharAt(i, '\uFFFD');
      }
    }
    return fixed == null ? text : fixed.toString();
  }

  private static <T> T read(TokenizersLibrary library, long encoding, LongFunction<T> reader) {
    try {
      return reader.apply(encoding);
    } finally {
      library.deleteEncoding(encoding);
    }
  }

  private static int[] ids(long encoding) {
    return narrow(TokenizersLibrary.LIB.getTokenIds(encoding));
  }

  private static int[] narrow(long[] values) {
    int[] narrow = new int[values.length];
    for (int i = 0; i < values.length; i++) {
      narrow[i] = (int) values[i];
    }
    return narrow;
  }

  private static Encoding encoding(long encoding, List<String> texts) {
    TokenizersLibrary library = TokenizersLibrary.LIB;
    int[] ids = ids(encoding);
    long[] mask = library.getSpecialTokenMask(encoding);
    long[] sequences = library.getSequenceIds(encoding);
    CharSpan[] found = library.getTokenCharSpans(encoding);
    List<int[]> places = texts.stream().map(NativeTokenizer::utf16).toList();
    var spans = new ArrayList<Span>(ids.length);
    boolean[] special = new boolean[ids.length];
    for (int i = 0; i < ids.length; i++) {
      special[i] = mask[i] != 0;
      spans.add(
          found[i] == null
              ? new Span(0, 0)
              : span(found[i], places.get((int) Math.max(0, sequences[i]))));
    }
    return new Encoding(ids, narrow(library.getTypeIds(encoding)), special, spans);
  }

  private static Span span(CharSpan codePoints, int[] places) {
    return new Span(places[codePoints.getStart()], places[codePoints.getEnd()]);
  }

  /** Where each code point of a text begins in UTF-16, and where the text ends. */
  private static int[] utf16(String text) {
    int[] places = new int[text.codePointCount(0, text.length()) + 1];
    int at = 0;
    for (int i = 0; i < places.length; i++) {
      places[i] = at;
      at += at < text.length() ? Character.charCount(text.codePointAt(at)) : 0;
    }
    return places;
  }

  @Override
  public void close() {
    Lock all = lock.writeLock();
    all.lock();
    try {
      if (!closed) {
        closed = true;
        TokenizersLibrary.LIB.deleteTokenizer(handle);
      }
    } finally {
      all.unlock();
    }
  }
}
