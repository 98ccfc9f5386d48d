package io.gatun.quant.checkpoint;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/**
 * The header of a safetensors file. A name that appears twice counts with its last entry, as in the
 * reference reader; a field that appears twice inside an entry is refused.
 *
 * @param metadata the strings under {@code __metadata__}
 * @param entries the tensors by name, in the order of their offsets, which cover the data exactly
 */
record SafetensorsHeader(Map<String, String> metadata, Map<String, Entry> entries) {
  private static final String METADATA = "__metadata__";
  private static final JsonFactory JSON = new JsonFactory();

  /** One tensor; offsets are relative to the start of the data. */
  record Entry(TensorType type, List<Long> shape, long begin, long end) {}

  private enum Field {
    dtype,
    shape,
    data_offsets
  }

  /** Parses and validates a header in front of {@code dataBytes} bytes of tensors. */
  static SafetensorsHeader parse(Path file, byte[] bytes, long dataBytes) {
    try {
      var text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      var header = new Parser(text).header();
      return new SafetensorsHeader(header.metadata, covering(header.entries, dataBytes));
    } catch (CharacterCodingException _) {
      throw new CheckpointException(file, "the header is not UTF-8");
    } catch (JacksonException e) {
      throw new CheckpointException(file, "the header is not valid JSON: " + Sentences.of(e));
    } catch (Rejected e) {
      throw new CheckpointException(file, e.rule);
    }
  }

  /** A broken rule, without the file. */
  private static final class Rejected extends Exception {
    private static final long serialVersionUID = 1L;
    final String rule;

    Rejected(String rule) {
      super(rule);
      this.rule = rule;
    }
  }

  private static Map<String, Entry> covering(Map<String, Entry> entries, long dataBytes)
      throws Rejected {
    var sorted = new ArrayList<>(entries.entrySet());
    var byOffset = Comparator.comparingLong((Map.Entry<String, Entry> e) -> e.getValue().begin());
    sorted.sort(byOffset.thenComparingLong(e -> e.getValue().end()));
    var result = new LinkedHashMap<String, Entry>();
    long at = 0;
    for (var e : sorted) {
      var entry = e.getValue();
      if (entry.begin() != at || entry.end() < at) {
        throw new Rejected(
            "tensor %s lies at [%d, %d], but the tensors before it end at %d"
                .formatted(e.getKey(), entry.begin(), entry.end(), at));
      }
      checkSize(e.getKey(), entry);
      at = entry.end();
      result.put(e.getKey(), entry);
    }
    if (at != dataBytes) {
      throw new Rejected(
          "the tensors end at byte %d of the data, the file has %d".formatted(at, dataBytes));
    }
    return Collections.unmodifiableMap(result);
  }

  private static void checkSize(String name, Entry entry) throws Rejected {
    long bits = entry.type().bits();
    try {
      for (long n : entry.shape()) {
        bits = Math.multiplyExact(bits, n);
      }
    } catch (ArithmeticException _) {
      throw new Rejected("the shape %s of tensor %s overflows".formatted(entry.shape(), name));
    }
    if (bits % 8 != 0) {
      throw new Rejected(
          "tensor %s, %s %s, does not fill whole bytes"
              .formatted(name, entry.type(), entry.shape()));
    }
    if (bits / 8 != entry.end() - entry.begin()) {
      throw new Rejected(
          "tensor %s, %s %s, needs %d bytes, its offsets give %d"
              .formatted(name, entry.type(), entry.shape(), bits / 8, entry.end() - entry.begin()));
    }
  }

  /** Reads the JSON text by tokens, because a tree would hide repeated fields. */
  private static final class Parser {
    private final JsonParser json;
    private Map<String, String> metadata = Map.of();
    private final Map<String, Entry> entries = new LinkedHashMap<>();

    Parser(String text) {
      json = JSON.createParser(ObjectReadContext.empty(), text);
    }

    Parser header() throws Rejected {
      expect(JsonToken.START_OBJECT, "the header is not a JSON object");
      boolean seen = false;
      while (json.nextToken() != JsonToken.END_OBJECT) {
        var name = json.currentName();
        json.nextToken();
        if (!name.equals(METADATA)) {
          entries.put(printable(name), entry(name));
        } else if (seen) {
          throw new Rejected("__metadata__ appears twice");
        } else {
          seen = true;
          readMetadata();
        }
      }
      if (json.nextToken() != null) {
        throw new Rejected("the header goes on after its JSON object");
      }
      return this;
    }

    private void readMetadata() throws Rejected {
      if (json.currentToken() == JsonToken.VALUE_NULL) {
        return;
      }
      if (json.currentToken() != JsonToken.START_OBJECT) {
        throw new Rejected("__metadata__ is not an object of strings");
      }
      var map = new LinkedHashMap<String, String>();
      while (json.nextToken() != JsonToken.END_OBJECT) {
        var key = json.currentName();
        expect(JsonToken.VALUE_STRING, "the value of " + key + " in __metadata__ is not a string");
        map.put(key, json.getString());
      }
      metadata = Collections.unmodifiableMap(map);
    }

    private Entry entry(String name) throws Rejected {
      if (json.currentToken() != JsonToken.START_OBJECT) {
        throw new Rejected("the entry of tensor " + name + " is not an object");
      }
      var seen = EnumSet.noneOf(Field.class);
      var type = TensorType.U8;
      List<Long> shape = List.of();
      List<Long> offsets = List.of();
      while (json.nextToken() != JsonToken.END_OBJECT) {
        var key = json.currentName();
        json.nextToken();
        switch (key) {
          case "dtype" -> type = type(name, seen);
          case "shape" -> shape = integers(name, Field.shape, seen);
          case "data_offsets" -> offsets = integers(name, Field.data_offsets, seen);
          default -> json.skipChildren();
        }
      }
      for (var field : Field.values()) {
        if (!seen.contains(field)) {
          throw new Rejected("tensor " + name + " has no " + field);
        }
      }
      if (offsets.size() != 2) {
        throw new Rejected("tensor %s has %d data_offsets, not 2".formatted(name, offsets.size()));
      }
      return new Entry(type, shape, offsets.get(0), offsets.get(1));
    }

    private TensorType type(String name, EnumSet<Field> seen) throws Rejected {
      once(name, Field.dtype, seen);
      if (json.currentToken() != JsonToken.VALUE_STRING) {
        throw new Rejected("the dtype of tensor " + name + " is not a string");
      }
      var dtype = json.getString();
      return TensorType.named(dtype)
          .orElseThrow(
              () -> new Rejected("the dtype %s of tensor %s is unknown".formatted(dtype, name)));
    }

    private List<Long> integers(String name, Field field, EnumSet<Field> seen) throws Rejected {
      once(name, field, seen);
      if (json.currentToken() != JsonToken.START_ARRAY) {
        throw new Rejected("the %s of tensor %s is not an array".formatted(field, name));
      }
      var result = new ArrayList<Long>();
      while (json.nextToken() != JsonToken.END_ARRAY) {
        boolean integer = json.currentToken() == JsonToken.VALUE_NUMBER_INT;
        if (!integer || json.getString().startsWith("-")) {
          throw new Rejected(
              "the %s of tensor %s holds %s, which is not a non-negative integer"
                  .formatted(field, name, json.getString()));
        }
        if (json.getNumberType() == JsonParser.NumberType.BIG_INTEGER) {
          throw new Rejected(
              "the %s of tensor %s overflows with %s".formatted(field, name, json.getString()));
        }
        result.add(json.getLongValue());
      }
      return result;
    }

    private static void once(String name, Field field, EnumSet<Field> seen) throws Rejected {
      if (!seen.add(field)) {
        throw new Rejected("tensor %s gives its %s twice".formatted(name, field));
      }
    }

    /** Refuses the half of a surrogate pair, which JSON can escape and UTF-8 cannot hold. */
    private static String printable(String name) throws Rejected {
      if (!StandardCharsets.UTF_8.newEncoder().canEncode(name)) {
        throw new Rejected("the name of a tensor is not Unicode text");
      }
      return name;
    }

    private void expect(JsonToken token, String otherwise) throws Rejected {
      if (json.nextToken() != token) {
        throw new Rejected(otherwise);
      }
    }
  }
}
