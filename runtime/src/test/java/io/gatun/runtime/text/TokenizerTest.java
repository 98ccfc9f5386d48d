package io.gatun.runtime.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.quant.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {
  private static Path golden(String name) {
    return Golden.file("tokenizers/" + name);
  }

  private static String errorOf(Path folder) {
    return assertThrows(TextException.class, () -> Tokenizer.load(folder).close()).getMessage();
  }

  /**
   * Random tokens, invalid UTF-8 among them: the pieces are the whole, and no piece is taken back.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "bbpe_llama3",
        "bbpe_qwen2",
        "bbpe_smollm2",
        "spbpe_gemma",
        "spbpe_llama2",
        "spbpe_metaspace_first",
        "wordpiece_bert"
      })
  void streamedTextIsTheWholeText(String name) {
    var random = new Random(7);
    try (Tokenizer tokenizer = Tokenizer.load(golden(name))) {
      for (int round = 0; round < 300; round++) {
        boolean skip = round % 2 == 0;
        int[] ids = random.ints(1 + random.nextInt(20), 0, tokenizer.vocabularySize()).toArray();
        StreamDecoder decoder = tokenizer.streamDecoder(skip);
        var text = new StringBuilder();
        for (int i = 0; i < ids.length; i++) {
          text.append(decoder.next(ids[i]));
          String soFar = tokenizer.decode(Arrays.copyOf(ids, i + 1), skip);
          assertTrue(soFar.startsWith(text.toString()), name + " " + Arrays.toString(ids));
        }
        text.append(decoder.end());
        assertEquals(tokenizer.decode(ids, skip), text.toString(), name + Arrays.toString(ids));
      }
    }
  }

  @Test
  void streamingHoldsBackHalfCharacters() {
    try (Tokenizer tokenizer = Tokenizer.load(golden("bbpe_smollm2"))) {
      int[] ids = tokenizer.encode("🙂a", false);
      StreamDecoder decoder = tokenizer.streamDecoder();
      var pieces = new ArrayList<String>();
      for (int id : ids) {
        pieces.add(decoder.next(id));
      }
      assertEquals("", decoder.end());
      assertEquals(List.of("🙂", "a"), pieces.stream().filter(p -> !p.isEmpty()).toList());
      assertFalse(pieces.getFirst().contains("\uFFFD"));
      StreamDecoder cut = tokenizer.streamDecoder();
      assertEquals("", cut.next(ids[0]));
      assertEquals("\uFFFD", cut.end());
    }
  }

  @Test
  void unknownIdsAreErrors() {
    try (Tokenizer tokenizer = Tokenizer.load(golden("bbpe_smollm2"))) {
      int size = tokenizer.vocabularySize();
      for (int id : new int[] {-1, size, Integer.MAX_VALUE}) {
        String message = "there is no token " + id + ": the tokenizer's ids are below " + size;
        assertEquals(
            message,
            assertThrows(TextException.class, () -> tokenizer.decode(new int[] {1, id}, false))
                .getMessage());
        assertThrows(TextException.class, () -> tokenizer.token(id));
        assertThrows(TextException.class, () -> tokenizer.streamDecoder().next(id));
      }
      assertEquals(OptionalInt.empty(), tokenizer.id("no such token"));
      assertEquals("", tokenizer.decode(new int[0], true));
    }
  }

  @Test
  void brokenTextIsReadAsReplacementCharacters() {
    try (Tokenizer tokenizer = Tokenizer.load(golden("bbpe_gpt2"))) {
      String broken = "a\uD83D🙂\uDE42\0b";
      int[] ids = tokenizer.encode(broken, false);
      assertEquals("a\uFFFD🙂\uFFFD\0b", tokenizer.decode(ids, false));
      assertArrayEquals(ids, tokenizer.encodeAll(List.of(broken), false).getFirst());
      assertEquals(broken.length(), tokenizer.encoding(broken, false).spans().getLast().end());
    }
  }

  @Test
  void cutTextKeepsWhatIsAroundIt() {
    try (Tokenizer tokenizer = Tokenizer.load(golden("wordpiece_bert"))) {
      Encoding cut = tokenizer.encodePair("one two three", "four", 6);
      assertEquals("[CLS]", tokenizer.token(cut.ids()[0]));
      assertEquals("[SEP]", tokenizer.token(cut.ids()[5]));
      assertEquals(new Span(0, 0), cut.spans().getLast());
      assertEquals(1, cut.typeIds()[5]);
      var tooShort =
          assertThrows(IllegalArgumentException.class, () -> tokenizer.encodeText("one", 1));
      assertEquals("1 tokens are too few: the tokenizer alone adds 2", tooShort.getMessage());
    }
  }

  @Test
  void encodingCoversSpans() {
    try (Tokenizer tokenizer = Tokenizer.load(golden("spbpe_llama2"))) {
      String text = "Hello 🙂 world";
      Encoding encoding = tokenizer.encoding(text, true);
      List<Span> smile = encoding.tokenSpans(List.of(new Span(6, 8)));
      assertEquals(1, smile.size());
      int[] tokens =
          Arrays.copyOfRange(encoding.ids(), smile.getFirst().start(), smile.getFirst().end());
      assertEquals("🙂", tokenizer.decode(tokens, false));
      boolean[] all = encoding.covers(List.of(new Span(0, text.length())));
      assertFalse(all[0], "the added first token is no part of the text");
      for (int i = 1; i < all.length; i++) {
        assertTrue(all[i]);
      }
      assertEquals(List.of(), encoding.tokenSpans(List.of(new Span(3, 3))));
      assertEquals(List.of(), encoding.tokenSpans(List.of()));
    }
  }

  @Test
  void threadsShareATokenizer() throws Exception {
    try (Tokenizer tokenizer = Tokenizer.load(golden("bbpe_qwen2"));
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      String text = "naïve Straße 12345 🙂 ".repeat(20);
      int[] expected = tokenizer.encode(text, false);
      var results = new ArrayList<Future<int[]>>();
      for (int i = 0; i < 100; i++) {
        results.add(
            threads.submit(() -> {
              int[] ids = tokenizer.encode(text, false);
              assertEquals(text, tokenizer.decode(ids, true));
              return ids;
            }));
      }
      for (Future<int[]> result : results) {
        assertArrayEquals(expected, result.get());
      }
      var many = tokenizer.encodeAll(Collections.nCopies(1000, text), false);
      assertEquals(1000, many.size());
      many.forEach(ids -> assertArrayEquals(expected, ids));
    }
  }

  @Test
  void closedTokenizersSaySo() {
    Tokenizer tokenizer = Tokenizer.load(golden("bbpe_qwen2"));
    tokenizer.close();
    tokenizer.close();
    assertThrows(IllegalStateException.class, () -> tokenizer.encode("a", false));
  }

  @Test
  void filesOfAFolder(@TempDir Path folder) throws IOException {
    Files.copy(golden("bbpe_llama3").resolve("tokenizer.json"), folder.resolve("tokenizer.json"));
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        """
        {"bos_token": {"content": "<|begin|>", "lstrip": false}, "eos_token": "<|end|>",
         "chat_template": [{"name": "tool_use", "template": "no"},
                           {"name": "default", "template": "{{ bos_token }}{{ eos_token }}"}]}
        """);
    Files.writeString(
        folder.resolve("special_tokens_map.json"), "{\"pad_token\": \"<|special|>\"}");
    Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": [5, 9999]}");
    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
      assertEquals(tokenizer.id("<|begin|>"), tokenizer.bos());
      assertEquals("<|begin|>", tokenizer.specialTokens().get("bos_token"));
      assertTrue(tokenizer.endOfTurn().contains(5));
      assertFalse(tokenizer.endOfTurn().contains(9999));
      ChatTemplate template = tokenizer.chatTemplate().orElseThrow();
      assertEquals("<|begin|><|end|>", template.render(List.of(), false, Map.of()).text());
    }
    Files.writeString(folder.resolve("chat_template.jinja"), "file");
    try (Tokenizer tokenizer = Tokenizer.load(folder.resolve("tokenizer.json"))) {
      ChatTemplate template = tokenizer.chatTemplate().orElseThrow();
      assertEquals("file", template.render(List.of(), false, Map.of()).text());
    }
    Files.writeString(folder.resolve("chat_template.jinja"), "a\n{% if %}");
    String message = errorOf(folder);
    assertTrue(
        message.endsWith(
            "tokenizer.json: chat template, line 2: Expected an expression, got 'end of statement"
                + " block'"),
        message);
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\n,}");
    assertTrue(
        errorOf(folder).contains("tokenizer_config.json is not readable as JSON, at line 2"));
  }

  @Test
  void brokenFilesGiveOneSentence(@TempDir Path folder) throws IOException {
    assertEquals(
        folder + " has no tokenizer.json; put the one that the model came with there",
        errorOf(folder));
    Files.writeString(folder.resolve("tokenizer.model"), "x");
    assertTrue(errorOf(folder).contains("older tokenizer file"));
    Path file = folder.resolve("tokenizer.json");
    String good = Files.readString(golden("bbpe_llama3").resolve("tokenizer.json"));
    for (String bad :
        List.of(
            "",
            "[]",
            "{}",
            "{\"model\": 5}",
            "{".repeat(100_000),
            "{\"model\":" + "[".repeat(100_000),
            good.substring(0, good.length() / 2),
            good.replace("\"BPE\"", "\"XYZ\""),
            good.replace("\"merges\"", "\"mergez\""),
            good.replaceAll("\"id\": ?\\d+", "\"id\": -5"),
            good.replaceAll("\"id\": ?\\d+", "\"id\": 2000000000"),
            good.replace("\\\\p{N}{1,3}", "(((("))) {
      Files.writeString(file, bad);
      String message = errorOf(folder);
      assertTrue(message.startsWith(file + ": not a tokenizer: "), message);
      assertFalse(message.contains("\n"), message);
    }
  }
}
