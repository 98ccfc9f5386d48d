package io.gatun.runtime.text;

import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.Gguf;
import io.gatun.quant.checkpoint.TokenizerSource;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Text to tokens and back, by the tokenizer of a checkpoint. Holds native memory until it is
 * closed. Immutable and safe for use by several threads; it never uses the network.
 */
public final class Tokenizer implements AutoCloseable {
  private final NativeTokenizer tokens;
  private final Vocabulary vocabulary;
  private final Map<String, String> specialTokens;
  private final OptionalInt bos;
  private final OptionalInt eos;
  private final OptionalInt pad;
  private final Set<Integer> endOfTurn;
  private final Optional<ChatTemplate> chatTemplate;

  private Tokenizer(NativeTokenizer tokens, Vocabulary vocabulary, TokenizerFiles files) {
    this.tokens = tokens;
    this.vocabulary = vocabulary;
    bos = role(files, "bos_token", files.bos());
    eos = role(files, "eos_token", files.eos());
    pad = role(files, "pad_token", files.pad());
    var names = new LinkedHashMap<>(files.specialTokens());
    bos.ifPresent(id -> names.putIfAbsent("bos_token", vocabulary.token(id)));
    eos.ifPresent(id -> names.putIfAbsent("eos_token", vocabulary.token(id)));
    pad.ifPresent(id -> names.putIfAbsent("pad_token", vocabulary.token(id)));
    specialTokens = Map.copyOf(names);
    endOfTurn = EndOfTurn.ids(vocabulary, eos, files.ends());
    chatTemplate = files.chatTemplate().map(source -> ChatTemplate.of(source, specialTokens));
  }

  /** The id of a special token: of its name, else the number that the files give. */
  private OptionalInt role(TokenizerFiles files, String name, OptionalInt number) {
    String token = files.specialTokens().get(name);
    OptionalInt named = token == null ? OptionalInt.empty() : vocabulary.id(token);
    OptionalInt id = named.isPresent() ? named : number;
    return id.isPresent() && vocabulary.has(id.getAsInt()) ? id : OptionalInt.empty();
  }

  /**
   * Loads the tokenizer of a model.
   *
   * @param folderOrFile a Hugging Face folder, a tokenizer.json in one, or a model file of any kind
   * @return the tokenizer; the caller closes it
   * @throws TextException if there is none, or it cannot be used
   */
  public static Tokenizer load(Path folderOrFile) {
    if (Files.isDirectory(folderOrFile)) {
      return of(TokenizerFolder.read(folderOrFile));
    }
    if (folderOrFile.endsWith("tokenizer.json")) {
      return of(TokenizerFolder.read(folderOrFile.toAbsolutePath().resolveSibling("")));
    }
    try (Arena arena = Arena.ofConfined()) {
      return folderOrFile.toString().matches(".*\\.(onnx|jar|zip|safetensors)")
          ? load(Checkpoint.open(folderOrFile, arena))
          : of(GgufTokenizer.read(Gguf.open(folderOrFile, arena)));
    }
  }

  /**
   * Loads the tokenizer of an open checkpoint.
   *
   * @param checkpoint the model's files
   * @return the tokenizer; the caller closes it
   * @throws TextException if there is none, or it cannot be used
   */
  public static Tokenizer load(Checkpoint checkpoint) {
    return switch (checkpoint.tokenizer()) {
      case TokenizerSource.Folder source -> of(TokenizerFolder.read(source.folder()));
      case TokenizerSource.Metadata source -> of(GgufTokenizer.read(source.file()));
      case TokenizerSource.Text source -> of(TokenizerText.read(source));
    };
  }

  static Tokenizer of(TokenizerFiles files) {
    try {
      Vocabulary vocabulary = Vocabulary.of(files.json());
      NativeTokenizer tokens = NativeTokenizer.of(files.json());
      try {
        return new Tokenizer(tokens, vocabulary, files);
      } catch (RuntimeException e) {
        tokens.close();
        throw e;
      }
    } catch (TextException e) {
      throw new TextException(files.origin() + ": " + e.getMessage(), e);
    }
  }

  /**
   * The tokens of a text. Special tokens that the text spells out are recognised.
   *
   * @param text any text
   * @param addSpecialTokens whether the tokenizer adds what it puts around a text, such as a first
   *     token; not for text that a chat template rendered
   * @return ids
   */
  public int[] encode(String text, boolean addSpecialTokens) {
    return tokens.ids(text, addSpecialTokens);
  }

  /**
   * The tokens of several texts, in several threads.
   *
   * @param texts any texts
   * @param addSpecialTokens as in {@link #encode}
   * @return ids of each text, in order
   */
  public List<int[]> encodeAll(List<String> texts, boolean addSpecialTokens) {
    return tokens.ids(texts, addSpecialTokens);
  }

  /**
   * The tokens of a text with the place of each.
   *
   * @param text any text
   * @param addSpecialTokens as in {@link #encode}
   * @return ids and spans
   */
  public Encoding encoding(String text, boolean addSpecialTokens) {
    return tokens.encoding(text, addSpecialTokens);
  }

  /**
   * A text as classifiers read it: with what the tokenizer puts around it, cut at its end.
   *
   * @param text any text
   * @param maxLength most tokens, those around the text included
   * @return ids, types and spans
   */
  public Encoding encodeText(String text, int maxLength) {
    return Truncation.of(tokens.encoding(text, true), maxLength);
  }

  /**
   * A pair of texts as classifiers read it; of a pair that is too long, the longer is cut first.
   *
   * @param first the text of type 0
   * @param second the text of type 1, in models that know types
   * @param maxLength most tokens, those around the texts included
   * @return ids, types and, for each, the span of its own text
   */
  public Encoding encodePair(String first, String second, int maxLength) {
    int ofFirst = tokens.ids(first, false).length;
    return Truncation.longestFirst(tokens.encoding(first, second), ofFirst, maxLength);
  }

  /**
   * The text of tokens.
   *
   * @param ids tokens
   * @param skipSpecialTokens whether special tokens are left out
   * @return text; bytes that are no UTF-8 read as U+FFFD
   * @throws TextException if the tokenizer has no token of an id
   */
  public String decode(int[] ids, boolean skipSpecialTokens) {
    for (int id : ids) {
      vocabulary.require(id);
    }
    return tokens.decode(ids, skipSpecialTokens);
  }

  /**
   * Decodes token by token, leaving out special tokens.
   *
   * @return a new decoder at the beginning of a text
   */
  public StreamDecoder streamDecoder() {
    return new StreamDecoder(this, vocabulary, true);
  }

  /**
   * Decodes token by token.
   *
   * @param skipSpecialTokens whether special tokens are left out
   * @return a new decoder at the beginning of a text
   */
  public StreamDecoder streamDecoder(boolean skipSpecialTokens) {
    return new StreamDecoder(this, vocabulary, skipSpecialTokens);
  }

  /**
   * A token as the vocabulary spells it, such as {@code Ġthe}.
   *
   * @param id its id
   * @return its spelling
   * @throws TextException if there is no such token
   */
  public String token(int id) {
    vocabulary.require(id);
    return vocabulary.token(id);
  }

  /**
   * The id of a token as the vocabulary spells it.
   *
   * @param token its spelling
   * @return its id, if there is one
   */
  public OptionalInt id(String token) {
    return vocabulary.id(token);
  }

  /**
   * The first token of a text.
   *
   * @return its id, if the model has one; whether {@link #encode} adds it is another matter
   */
  public OptionalInt bos() {
    return bos;
  }

  /**
   * The last token of a text.
   *
   * @return its id, if the model has one
   */
  public OptionalInt eos() {
    return eos;
  }

  /**
   * The token for padding. Nothing here pads.
   *
   * @return its id, if the model has one
   */
  public OptionalInt pad() {
    return pad;
  }

  /**
   * The tokens after which generation stops: the last token of a text, those that the files name,
   * and those known to end a chat turn.
   *
   * @return ids, ascending
   */
  public Set<Integer> endOfTurn() {
    return endOfTurn;
  }

  /**
   * The number that every id is below; the embedding of a model may have more rows.
   *
   * @return one more than the highest id
   */
  public int vocabularySize() {
    return vocabulary.size();
  }

  /**
   * The special tokens by role.
   *
   * @return names as chat templates use them, such as {@code eos_token}, and their text
   */
  public Map<String, String> specialTokens() {
    return specialTokens;
  }

  /**
   * The model's chat template.
   *
   * @return the template, if the files have one
   */
  public Optional<ChatTemplate> chatTemplate() {
    return chatTemplate;
  }

  /** Frees the native memory; later calls fail. */
  @Override
  public void close() {
    tokens.close();
  }
}
