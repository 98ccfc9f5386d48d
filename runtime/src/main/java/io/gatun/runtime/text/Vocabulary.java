package io.gatun.runtime.text;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.json.JsonMapper;

/**
 * The tokens of a tokenizer.json by id. Read as a stream: the file's tree would be many times its
 * size.
 */
final class Vocabulary {
  private static final int MAX_ID = 1 << 24;

  private final String[] tokens;
  private final Map<String, Integer> added;
  private final Set<Integer> special;

  private Vocabulary(String[] tokens, Map<String, Integer> added, Set<Integer> special) {
    this.tokens = tokens;
    this.added = Map.copyOf(added);
    this.special = Set.copyOf(special);
  }

  /**
   * Reads the model's vocabulary and the added tokens.
   *
   * @throws TextException if the text is not a tokenizer.json
   */
  static Vocabulary of(String json) {
    var reader = new Reader();
    try (JsonParser parser = JsonMapper.shared().createParser(json)) {
      reader.file(parser);
    } catch (JacksonException e) {
      throw new TextException("not a tokenizer: not readable as JSON" + place(e), e);
    }
    return reader.vocabulary();
  }

  /** Where JSON is broken, as the end of a sentence. */
  static String place(JacksonException e) {
    return Optional.ofNullable(e.getLocation())
        .map(at -> ", at line %d, column %d".formatted(at.getLineNr(), at.getColumnNr()))
        .orElse(", it nests too deep");
  }

  /** One more than the highest id. */
  int size() {
    return tokens.length;
  }

  /** Whether there is a token of that id. */
  boolean has(int id) {
    return id >= 0 && id < tokens.length && tokens[id] != null;
  }

  /** The token of an id that it {@link #has}, as the file spells it. */
  String token(int id) {
    return tokens[id];
  }

  /** The id of a token as the file spells it. */
  OptionalInt id(String token) {
    if (added.containsKey(token)) {
      return OptionalInt.of(added.get(token));
    }
    for (int i = 0; i < tokens.length; i++) {
      if (token.equals(tokens[i])) {
        return OptionalInt.of(i);
      }
    }
    return OptionalInt.empty();
  }

  /** The id of a token that is cut out of the text before anything else. */
  OptionalInt addedId(String token) {
    return added.containsKey(token) ? OptionalInt.of(added.get(token)) : OptionalInt.empty();
  }

  /** Whether decoding may leave out the token. */
  boolean isSpecial(int id) {
    return special.contains(id);
  }

  /** Whether the token stands for one byte, {@code <0x0A>}. */
  boolean isByte(int id) {
    String token = tokens[id];
    return token.length() == 6 && token.startsWith("<0x") && token.endsWith(">");
  }

  /**
   * Checks that there is a token of an id.
   *
   * @throws TextException if there is none
   */
  void require(int id) {
    if (!has(id)) {
      throw new TextException(
          "there is no token %d: the tokenizer's ids are below %d".formatted(id, size()));
    }
  }

  /** What has been read so far. */
  private static final class Reader {
    private final List<String> tokens = new ArrayList<>();
    private final Map<String, Integer> added = new HashMap<>();
    private final Set<Integer> special = new HashSet<>();
    private boolean model;

    void file(JsonParser parser) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new TextException("not a tokenizer: the file does not hold a JSON object");
      }
      for (String name = parser.nextName(); name != null; name = parser.nextName()) {
        JsonToken value = parser.nextToken();
        if (name.equals("model") && value == JsonToken.START_OBJECT) {
          model = true;
          model(parser);
        } else if (name.equals("added_tokens") && value == JsonToken.START_ARRAY) {
          while (parser.nextToken() == JsonToken.START_OBJECT) {
            added(parser);
          }
        } else {
          parser.skipChildren();
        }
      }
    }

    private void model(JsonParser parser) {
      for (String name = parser.nextName(); name != null; name = parser.nextName()) {
        JsonToken value = parser.nextToken();
        if (name.equals("vocab") && value == JsonToken.START_OBJECT) {
          for (String t = parser.nextName(); t != null; t = parser.nextName()) {
            parser.nextToken();
            put(parser.getIntValue(), t);
          }
        } else if (name.equals("vocab") && value == JsonToken.START_ARRAY) {
          scored(parser);
        } else {
          parser.skipChildren();
        }
      }
    }

    /** A unigram model's list of pairs: the token and its score. */
    private void scored(JsonParser parser) {
      for (int id = 0; parser.nextToken() == JsonToken.START_ARRAY; id++) {
        put(id, parser.nextStringValue());
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          parser.skipChildren();
        }
      }
    }

    private void added(JsonParser parser) {
      int id = -1;
      String content = "";
      boolean isSpecial = false;
      for (String name = parser.nextName(); name != null; name = parser.nextName()) {
        parser.nextToken();
        switch (name) {
          case "id" -> id = parser.getIntValue();
          case "content" -> content = parser.getString();
          case "special" -> isSpecial = parser.getBooleanValue();
          default -> parser.skipChildren();
        }
      }
      put(id, content);
      added.put(content, id);
      if (isSpecial) {
        special.add(id);
      }
    }

    private void put(int id, String token) {
      if (id < 0 || id >= MAX_ID) {
        throw new TextException(
            "not a tokenizer: the token '%s' has the id %d".formatted(token, id));
      }
      while (tokens.size() <= id) {
        tokens.add(null);
      }
      tokens.set(id, token);
    }

    Vocabulary vocabulary() {
      if (!model || tokens.isEmpty()) {
        throw new TextException("not a tokenizer: the file has no model with a vocabulary");
      }
      return new Vocabulary(tokens.toArray(String[]::new), added, special);
    }
  }
}
