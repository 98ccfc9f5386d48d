package io.gatun.runtime.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Tokenizers that are written into GGUF metadata and come back with the same ids. */
class GgufTokenizerTest {
  @TempDir private Path folder;

  private static JsonNode json(Path file) throws IOException {
    return JsonMapper.shared().readTree(Files.readString(file));
  }

  /** The golden tokenizer of a family as GGUF metadata. */
  private static Map<String, Object> metadata(JsonNode tokenizer, String model, String pre) {
    var vocabulary = tokenizer.at("/model/vocab");
    var ids = new TreeMap<Integer, String>();
    vocabulary.properties().forEach(e -> ids.put(e.getValue().asInt(), e.getKey()));
    tokenizer
        .get("added_tokens")
        .forEach(t -> ids.put(t.get("id").asInt(), t.get("content").asString()));
    assertEquals(ids.size(), ids.lastKey() + 1);
    String[] tokens = ids.values().toArray(String[]::new);
    int[] types = new int[tokens.length];
    float[] scores = new float[tokens.length];
    for (int id = 0; id < tokens.length; id++) {
      types[id] = tokens[id].matches("<0x..>") ? TokenizerData.BYTE : 1;
      scores[id] = -id;
    }
    for (JsonNode added : tokenizer.get("added_tokens")) {
      boolean unknown = added.get("content").asString().equals("<unk>");
      types[added.get("id").asInt()] = unknown ? TokenizerData.UNKNOWN : TokenizerData.CONTROL;
    }
    var merges = new ArrayList<String>();
    for (JsonNode merge : tokenizer.at("/model/merges")) {
      merges.add(merge.get(0).asString() + " " + merge.get(1).asString());
    }
    var metadata = new LinkedHashMap<String, Object>();
    metadata.put("general.architecture", "llama");
    metadata.put("tokenizer.ggml.model", model);
    metadata.put("tokenizer.ggml.pre", pre);
    metadata.put("tokenizer.ggml.tokens", List.of(tokens));
    metadata.put("tokenizer.ggml.token_type", types);
    if (model.equals("llama")) {
      metadata.put("tokenizer.ggml.scores", scores);
    } else {
      metadata.put("tokenizer.ggml.merges", merges);
    }
    return metadata;
  }

  private Tokenizer load(Map<String, Object> metadata) throws IOException {
    Path file = folder.resolve("t.gguf");
    Files.write(file, gguf(metadata));
    return Tokenizer.load(file);
  }

  @ParameterizedTest
  @CsvSource({
    "bbpe_gpt2, gpt-2",
    "bbpe_llama3, llama-bpe",
    "bbpe_qwen2, qwen2",
    "bbpe_smollm2, smollm"
  })
  void byteLevelFamilies(String name, String pre) throws IOException {
    Path golden = Golden.file("tokenizers/" + name);
    var metadata = metadata(json(golden.resolve("tokenizer.json")), "gpt2", pre);
    int[] bos =
        json(golden.resolve("cases.json"))
            .at("/cases/0/ids")
            .valueStream()
            .mapToInt(JsonNode::asInt)
            .toArray();
    if (bos.length > 0) {
      metadata.put("tokenizer.ggml.bos_token_id", bos[0]);
    }
    compare(golden, metadata);
  }

  @ParameterizedTest
  @CsvSource({"spbpe_llama2, true", "spbpe_gemma, false"})
  void sentencePieceFamilies(String name, boolean spacePrefix) throws IOException {
    Path golden = Golden.file("tokenizers/" + name);
    JsonNode tokenizer = json(golden.resolve("tokenizer.json"));
    var metadata = metadata(tokenizer, "llama", "default");
    int bos = json(golden.resolve("cases.json")).at("/cases/0/ids/0").asInt();
    metadata.put("tokenizer.ggml.bos_token_id", bos);
    int unknown =
        tokenizer.at("/model/vocab/" + tokenizer.at("/model/unk_token").asString()).asInt();
    metadata.put("tokenizer.ggml.unknown_token_id", unknown);
    metadata.put("tokenizer.ggml.add_space_prefix", spacePrefix);
    compare(golden, metadata);
  }

  private void compare(Path golden, Map<String, Object> metadata) throws IOException {
    try (Tokenizer made = load(metadata);
        Tokenizer own = Tokenizer.load(golden)) {
      for (JsonNode c : json(golden.resolve("cases.json")).get("cases")) {
        if (!c.has("text")) {
          continue;
        }
        String text = c.get("text").asString();
        int[] ids = own.encode(text, true);
        assertArrayEquals(ids, made.encode(text, true), text);
        assertArrayEquals(own.encode(text, false), made.encode(text, false), text);
        assertEquals(own.decode(ids, true), made.decode(ids, true), text);
        assertEquals(own.decode(ids, false), made.decode(ids, false), text);
      }
    }
  }

  private static Map<String, Object> small() {
    var metadata = new LinkedHashMap<String, Object>();
    metadata.put("general.architecture", "llama");
    metadata.put("tokenizer.ggml.model", "gpt2");
    metadata.put("tokenizer.ggml.pre", "gpt-2");
    metadata.put(
        "tokenizer.ggml.tokens", List.of("<s>", "a", "b", "ab", "<|eot_id|>", "[PAD]", "<think>"));
    metadata.put("tokenizer.ggml.token_type", new int[] {3, 1, 1, 1, 3, 5, 4});
    metadata.put("tokenizer.ggml.merges", List.of("a b"));
    return metadata;
  }

  @Test
  void rolesAndChatTemplate() throws IOException {
    var metadata = small();
    metadata.put("tokenizer.ggml.bos_token_id", 0);
    metadata.put("tokenizer.ggml.eos_token_id", 3);
    metadata.put("tokenizer.ggml.padding_token_id", 99);
    metadata.put("tokenizer.ggml.add_bos_token", true);
    metadata.put("tokenizer.ggml.add_eos_token", true);
    metadata.put("tokenizer.chat_template", "{{ bos_token }}!{{ eos_token }}{{ pad_token }}");
    try (Tokenizer tokenizer = load(metadata)) {
      assertArrayEquals(new int[] {0, 3, 6, 1, 3}, tokenizer.encode("ab<think>a", true));
      assertArrayEquals(new int[] {3, 6, 1}, tokenizer.encode("ab<think>a", false));
      assertEquals("ab<think>a", tokenizer.decode(new int[] {0, 3, 6, 1}, true));
      assertEquals(OptionalInt.empty(), tokenizer.pad());
      assertEquals(Set.of(3, 4), tokenizer.endOfTurn());
      assertThrows(TextException.class, () -> tokenizer.decode(new int[] {5}, true));
      ChatTemplate template = tokenizer.chatTemplate().orElseThrow();
      assertEquals("<s>!ab", template.render(List.of(), false, Map.of()).text());
    }
  }

  @Test
  void wholeTokenizersInOneKey() throws IOException {
    Path golden = Golden.file("tokenizers/bbpe_qwen2");
    var metadata = small();
    metadata.put("tokenizer.huggingface.json", Files.readString(golden.resolve("tokenizer.json")));
    compare(golden, metadata);
  }

  @Test
  void whatIsNotKnownIsRefused() throws IOException {
    refused(
        "tokenizer.ggml.pre", "gpt-5", "tokenizer.ggml.pre is 'gpt-5'; known are default, gpt-2");
    refused("tokenizer.ggml.model", "t5", "tokenizer.ggml.model is 't5'");
    refused("tokenizer.ggml.token_type", new int[] {1}, "7 tokens and 1 token types");
    refused("tokenizer.ggml.model", "llama", "7 tokens and 0 scores");
    refused("tokenizer.ggml.merges", List.of("ab"), "the merge 'ab' is not a pair");
    refused("tokenizer.ggml.merges", List.of("a zz"), "not a tokenizer");
    refused("tokenizer.ggml.tokens", List.of(), "the file has no tokenizer");
  }

  private void refused(String key, Object value, String why) {
    var metadata = small();
    metadata.put(key, value);
    var error = assertThrows(TextException.class, () -> load(metadata).close());
    assertTrue(error.getMessage().contains(why), error.getMessage());
    assertTrue(error.getMessage().startsWith(folder.resolve("t.gguf") + ": "), error.getMessage());
  }

  /** A GGUF file of metadata alone: strings, integers, truth values, and lists of them. */
  private static byte[] gguf(Map<String, Object> metadata) {
    var out = new ByteArrayOutputStream();
    out.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
    out.writeBytes(little(4).putInt(3).array());
    out.writeBytes(little(16).putLong(0).putLong(metadata.size()).array());
    metadata.forEach((key, value) -> {
      string(out, key);
      value(out, value);
    });
    out.writeBytes(new byte[32]);
    return out.toByteArray();
  }

  private static void value(ByteArrayOutputStream out, Object value) {
    switch (value) {
      case String s -> {
        out.writeBytes(little(4).putInt(8).array());
        string(out, s);
      }
      case Integer i -> out.writeBytes(little(8).putInt(4).putInt(i).array());
      case Boolean b -> out.writeBytes(little(5).putInt(7).put((byte) (b ? 1 : 0)).array());
      case List<?> list -> {
        out.writeBytes(little(16).putInt(9).putInt(8).putLong(list.size()).array());
        list.forEach(s -> string(out, (String) s));
      }
      case int[] ints -> {
        out.writeBytes(little(16).putInt(9).putInt(5).putLong(ints.length).array());
        Arrays.stream(ints).forEach(i -> out.writeBytes(little(4).putInt(i).array()));
      }
      case float[] floats -> {
        out.writeBytes(little(16).putInt(9).putInt(6).putLong(floats.length).array());
        for (float f : floats) {
          out.writeBytes(little(4).putFloat(f).array());
        }
      }
      default -> throw new AssertionError(value);
    }
  }

  private static void string(ByteArrayOutputStream out, String s) {
    byte[] bytes = s.getBytes(StandardCharsets.UTF_8);
    out.writeBytes(little(8).putLong(bytes.length).array());
    out.writeBytes(bytes);
  }

  private static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
