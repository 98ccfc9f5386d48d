package io.gatun.runtime.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.quant.Golden;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Tokenizers of all families against what Hugging Face's library gave. */
class TokenizerGoldenTest {
  @Test
  void tokenizers() {
    Golden.folders("tokenizers", "cases.json")
        .run(c -> {
          JsonNode cases = JsonMapper.shared().readTree(Files.readString(c.file("cases.json")));
          try (Tokenizer tokenizer = Tokenizer.load(c.path())) {
            assertEquals(cases.get("vocab_size").asInt(), tokenizer.vocabularySize());
            var texts = new ArrayList<String>();
            var ids = new ArrayList<int[]>();
            for (JsonNode example : cases.get("cases")) {
              if (example.has("pair")) {
                pair(tokenizer, example);
              } else {
                single(tokenizer, example);
                texts.add(example.get("text").asString());
                ids.add(ints(example.get("ids")));
              }
            }
            List<int[]> all = tokenizer.encodeAll(texts, true);
            assertEquals(ids.size(), all.size());
            for (int i = 0; i < all.size(); i++) {
              assertArrayEquals(ids.get(i), all.get(i), texts.get(i));
            }
          }
        });
  }

  @Test
  void cutToALength() {
    Golden.files("pairs", "*.json")
        .run(c -> {
          JsonNode cases = JsonMapper.shared().readTree(Files.readString(c.path()));
          try (Tokenizer tokenizer = Tokenizer.load(c.resolve(cases.get("tokenizer").asString()))) {
            for (JsonNode example : cases.get("cases")) {
              int length = example.get("max_length").asInt();
              String first = example.get("first").asString();
              Encoding encoding =
                  example.has("second")
                      ? tokenizer.encodePair(first, example.get("second").asString(), length)
                      : tokenizer.encodeText(first, length);
              assertArrayEquals(ints(example.get("ids")), encoding.ids(), example.toString());
              assertArrayEquals(
                  ints(example.get("type_ids")), encoding.typeIds(), example.toString());
              assertEquals(encoding.length(), encoding.spans().size());
            }
          }
        });
  }

  private static void single(Tokenizer tokenizer, JsonNode example) {
    String text = example.get("text").asString();
    int[] ids = ints(example.get("ids"));
    Encoding encoding = tokenizer.encoding(text, true);
    assertArrayEquals(ids, encoding.ids(), text);
    assertArrayEquals(ids, tokenizer.encode(text, true), text);
    assertArrayEquals(ints(example.get("ids_no_special")), tokenizer.encode(text, false), text);
    assertArrayEquals(ints(example.get("type_ids")), encoding.typeIds(), text);
    for (int i = 0; i < ids.length; i++) {
      String where = text + " token " + i;
      String token = example.get("tokens").get(i).asString();
      assertEquals(token, tokenizer.token(ids[i]), where);
      assertEquals(ids[i], tokenizer.id(token).orElseThrow(), where);
      assertEquals(example.get("special_mask").get(i).asInt() == 1, encoding.special()[i], where);
      JsonNode offset = example.get("offsets").get(i);
      assertEquals(
          new Span(utf16(text, offset.get(0).asInt()), utf16(text, offset.get(1).asInt())),
          encoding.spans().get(i),
          where);
    }
    assertEquals(example.get("decode").asString(), tokenizer.decode(ids, true), text);
    assertEquals(example.get("decode_keep").asString(), tokenizer.decode(ids, false), text);
    assertEquals(example.get("decode").asString(), streamed(tokenizer.streamDecoder(), ids), text);
    assertEquals(
        example.get("decode_keep").asString(), streamed(tokenizer.streamDecoder(false), ids), text);
  }

  private static void pair(Tokenizer tokenizer, JsonNode example) {
    JsonNode pair = example.get("pair");
    String second = pair.get(1).asString();
    Encoding encoding = tokenizer.encodePair(pair.get(0).asString(), second, Integer.MAX_VALUE);
    assertArrayEquals(ints(example.get("ids")), encoding.ids());
    assertArrayEquals(ints(example.get("type_ids")), encoding.typeIds());
  }

  private static String streamed(StreamDecoder decoder, int[] ids) {
    var text = new StringBuilder();
    for (int id : ids) {
      text.append(decoder.next(id));
    }
    return text.append(decoder.end()).toString();
  }

  private static int utf16(String text, int codePoints) {
    return text.offsetByCodePoints(0, codePoints);
  }

  private static int[] ints(JsonNode list) {
    return list.valueStream().mapToInt(JsonNode::asInt).toArray();
  }
}
