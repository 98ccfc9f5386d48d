package io.gatun.runtime.text;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.gatun.quant.Golden;
import io.gatun.runtime.text.jinja.JinjaException;
import io.gatun.runtime.text.jinja.Rendering;
import io.gatun.runtime.text.jinja.Template;
import io.gatun.runtime.text.jinja.Value;
import io.gatun.runtime.text.jinja.Values;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Chat templates against what transformers' own Jinja environment rendered. */
class ChatGoldenTest {
  private static final JsonMapper JSON = JsonMapper.shared();
  private static final Map<String, String> TOKENS =
      Map.of("bos_token", "<BOS>", "eos_token", "<EOS>");
  private static final Clock CLOCK =
      Clock.fixed(LocalDateTime.of(2024, 7, 26, 12, 0).toInstant(ZoneOffset.UTC), ZoneOffset.UTC);

  @Test
  void edgeSnippets() {
    JsonNode file = json(Golden.file("chat/edge_snippets.json"));
    var checks = new ArrayList<Executable>();
    for (JsonNode c : file.get("cases")) {
      String name = c.get("name").asString();
      String source = file.get("templates").get(name).asString();
      checks.add(() -> snippet(name, source, c));
    }
    assertEquals(64, checks.size());
    assertAll(checks);
  }

  private static void snippet(String name, String source, JsonNode c) {
    var variables = new HashMap<String, Value>();
    c.get("ctx").properties().forEach(e -> variables.put(e.getKey(), Values.of(e.getValue())));
    if (!c.get("ok").asBoolean()) {
      var error =
          assertThrows(
              JinjaException.class, () -> Template.parse(source).render(variables, CLOCK), name);
      assertEquals(c.get("out").asString(), error.kind() + ": " + error.getMessage(), name);
      return;
    }
    Rendering rendering = Template.parse(source).render(variables, CLOCK);
    assertEquals(c.get("out").asString(), rendering.text(), name);
    if (c.has("gen")) {
      var generated = rendering.generated().stream().map(r -> part(rendering, r)).toList();
      assertEquals(c.get("gen").valueStream().map(JsonNode::asString).toList(), generated, name);
    }
  }

  private static String part(Rendering rendering, Rendering.Range range) {
    return rendering.text().substring(range.start(), range.end());
  }

  @Test
  void featureProbes() {
    var checks = new ArrayList<Executable>();
    for (JsonNode p : json(Golden.file("chat/feature_probes.json")).get("probes")) {
      checks.add(() -> probe(p));
    }
    assertFalse(checks.isEmpty());
    assertAll(checks);
  }

  private static void probe(JsonNode p) {
    String name = p.get("name").asString();
    String source = p.get("template").asString();
    if (p.has("error")) {
      var error =
          assertThrows(TextException.class, () -> render(source, p, p.get("context")), name);
      assertEquals("chat template: " + p.get("message").asString(), error.getMessage(), name);
    } else {
      assertEquals(p.get("output").asString(), render(source, p, p.get("context")).text(), name);
    }
  }

  /** Every vendor template that a golden root holds; the repository itself holds none. */
  @Test
  void vendorTemplates() throws IOException {
    JsonNode conversations = json(Golden.file("chat/conversations.json")).get("conversations");
    var checks = new ArrayList<Executable>();
    for (Path root : Golden.roots()) {
      try (Stream<Path> files = Files.list(root.resolve("chat"))) {
        for (Path file : files.filter(f -> f.toString().endsWith(".jinja")).sorted().toList()) {
          String expected = file.toString().replace(".jinja", ".json");
          json(Path.of(expected))
              .properties()
              .forEach(
                  e -> checks.add(() -> vendor(file, conversations.get(e.getKey()), e.getValue())));
        }
      }
    }
    System.out.println("golden chat templates: " + checks.size() + " renderings found");
    assumeFalse(checks.isEmpty(), "SKIPPED: no vendor templates; give -Dgatun.golden=FOLDER");
    assertAll(checks);
  }

  private static void vendor(Path file, JsonNode conversation, JsonNode expected)
      throws IOException {
    String source = Files.readString(file);
    if (expected.has("error")) {
      assertThrows(
          TextException.class, () -> render(source, conversation, conversation), file.toString());
      return;
    }
    ChatTemplate.Rendered rendered = render(source, conversation, conversation);
    assertEquals(expected.get("output").asString(), rendered.text(), file.toString());
    if (expected.has("assistant_char_spans")) {
      var spans = new ArrayList<Span>();
      for (JsonNode s : expected.get("assistant_char_spans")) {
        spans.add(
            new Span(
                rendered.text().offsetByCodePoints(0, s.get(0).asInt()),
                rendered.text().offsetByCodePoints(0, s.get(1).asInt())));
      }
      assertEquals(spans, rendered.assistant(), file.toString());
    }
  }

  @SuppressWarnings("unchecked")
  private static ChatTemplate.Rendered render(
      String source, JsonNode conversation, JsonNode context) {
    var extras = new HashMap<>(JSON.convertValue(context, Map.class));
    extras.remove("messages");
    boolean prompt = context.path("add_generation_prompt").asBoolean(false);
    List<Map<String, Object>> messages =
        JSON.convertValue(conversation.get("messages"), List.class);
    return ChatTemplate.of(source, TOKENS).withClock(CLOCK).render(messages, prompt, extras);
  }

  private static JsonNode json(Path file) {
    try {
      return JSON.readTree(Files.readString(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
