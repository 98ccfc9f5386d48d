package io.gatun.runtime.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import io.gatun.quant.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The tokenizer in the real model's GGUF file against that model's own. */
class SmolLm2TokenizerTest {
  private static final JsonMapper JSON = JsonMapper.shared();

  private static Tokenizer load() {
    String models = System.getProperty("gatun.models", "");
    Path file = Path.of(models, "smollm2-135m-instruct-q4_1.gguf");
    if (models.isEmpty() || !Files.exists(file)) {
      String why = "SKIPPED: no " + file.getFileName() + "; give -Dgatun.models=FOLDER";
      System.out.println(why);
      return "true".equals(System.getenv("CI")) ? fail(why) : abort(why);
    }
    return Tokenizer.load(file);
  }

  private static JsonNode golden(String name) throws IOException {
    return JSON.readTree(Files.readString(Golden.file("smollm2/" + name)));
  }

  private static int[] ids(JsonNode example) {
    return example.get("ids").valueStream().mapToInt(JsonNode::asInt).toArray();
  }

  @Test
  void tokens() throws IOException {
    JsonNode cases = golden("tokens.json");
    assertFalse(cases.isEmpty());
    try (Tokenizer tokenizer = load()) {
      for (JsonNode c : cases) {
        String text = c.get("text").asString();
        int[] ids = ids(c);
        assertArrayEquals(ids, tokenizer.encode(text, false), text);
        assertArrayEquals(ids, tokenizer.encode(text, true), text);
        assertEquals(c.get("decoded").asString(), tokenizer.decode(ids, false));
        assertEquals(c.get("decoded_skip_special").asString(), tokenizer.decode(ids, true));
      }
    }
  }

  @Test
  @SuppressWarnings("unchecked")
  void chat() throws IOException {
    JsonNode cases = golden("chat.json");
    assertFalse(cases.isEmpty());
    try (Tokenizer tokenizer = load()) {
      ChatTemplate template = tokenizer.chatTemplate().orElseThrow();
      for (JsonNode c : cases) {
        List<Map<String, Object>> messages = JSON.convertValue(c.get("messages"), List.class);
        boolean prompt = c.get("add_generation_prompt").asBoolean();
        String text = template.render(messages, prompt, Map.of()).text();
        assertEquals(c.get("text").asString(), text);
        assertArrayEquals(ids(c), tokenizer.encode(text, false), text);
      }
    }
  }

  @Test
  void specialTokens() {
    try (Tokenizer tokenizer = load()) {
      assertEquals(49152, tokenizer.vocabularySize());
      assertEquals(OptionalInt.of(1), tokenizer.bos());
      assertEquals(OptionalInt.of(2), tokenizer.eos());
      assertEquals(Set.of(0, 2), tokenizer.endOfTurn());
      assertEquals("<|im_end|>", tokenizer.specialTokens().get("eos_token"));
    }
  }

  /** What the loss of a training conversation covers: the answers and the ends of their turns. */
  @Test
  void learnedTokens() {
    try (Tokenizer tokenizer = load()) {
      var talk =
          List.of(
              Map.of("role", "user", "content", "2+2?"),
              Map.of("role", "assistant", "content", "4"),
              Map.of("role", "user", "content", "Sure? 🙂"),
              Map.of("role", "assistant", "content", "Yes 🙂"));
      ChatTemplate template = tokenizer.chatTemplate().orElseThrow();
      ChatTemplate.Rendered whole = template.conversation(talk, Map.of());
      Encoding encoding = tokenizer.encoding(whole.text(), false);
      var texts =
          encoding.tokenSpans(whole.assistant()).stream()
              .map(s ->
                  tokenizer.decode(Arrays.copyOfRange(encoding.ids(), s.start(), s.end()), false))
              .toList();
      assertEquals(List.of("4<|im_end|>\n", "Yes 🙂<|im_end|>\n"), texts);
    }
  }
}
