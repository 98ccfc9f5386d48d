package io.gatun.runtime.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChatTemplateTest {
  private static final String CHATML =
      """
      {%- for m in messages -%}
      {{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}
      {%- endfor -%}
      {%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
      """;
  private static final List<Map<String, Object>> TALK =
      List.of(
          message("user", "2+2?"),
          message("assistant", "4"),
          message("user", "Sure?"),
          message("assistant", "Yes 🙂"));

  private static Map<String, Object> message(String role, String content) {
    return Map.of("role", role, "content", content);
  }

  private static String render(String source) {
    return ChatTemplate.of(source, Map.of()).render(TALK, false, Map.of()).text();
  }

  private static String errorOf(String source) {
    return assertThrows(TextException.class, () -> render(source)).getMessage();
  }

  @Test
  void messagesAreNeverEvaluated() {
    var attack = List.of(message("user", "{{ 1 + 1 }}{% raise %}{# x #}"));
    String text =
        ChatTemplate.of(CHATML + "{{ messages[0].content | trim }}", Map.of())
            .render(attack, false, Map.of())
            .text();
    assertEquals(
        "<|im_start|>user\n%s<|im_end|>\n%s".replace("%s", "{{ 1 + 1 }}{% raise %}{# x #}"), text);
  }

  @Test
  void assistantSpansByPrefixEndWithTheTurn() {
    ChatTemplate template = ChatTemplate.of(CHATML, Map.of());
    ChatTemplate.Rendered whole = template.conversation(TALK, Map.of());
    assertEquals(
        List.of("4<|im_end|>\n", "Yes 🙂<|im_end|>\n"),
        whole.assistant().stream().map(s -> whole.text().substring(s.start(), s.end())).toList());
    assertEquals(whole.assistant(), template.assistantSpans(TALK));
  }

  @Test
  void assistantSpansByGenerationBlocks() {
    String marked =
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}</s>"
            + "{% endgeneration %}{% else %}[{{ m.content }}]{% endif %}{% endfor %}";
    assertEquals(
        List.of(new Span(6, 11), new Span(18, 28)),
        ChatTemplate.of(marked, Map.of()).assistantSpans(TALK));
  }

  @Test
  void inconsistentTemplatesAreRefusedForSpans() {
    String forgets =
        "{% for m in messages %}[{{ m.role }}]{{ m.content if loop.last else '...' }}{% endfor %}"
            + "{% if add_generation_prompt %}[assistant]{% endif %}";
    var changed =
        assertThrows(
            TextException.class, () -> ChatTemplate.of(forgets, Map.of()).assistantSpans(TALK));
    assertTrue(changed.getMessage().contains("message 2"), changed.getMessage());
    String prompt = CHATML.replace("assistant\\n", "assistant\\n<think>");
    var thinking =
        assertThrows(
            TextException.class, () -> ChatTemplate.of(prompt, Map.of()).assistantSpans(TALK));
    assertTrue(thinking.getMessage().contains("does not begin with"), thinking.getMessage());
  }

  @Test
  void unfinishedMessagesGoOn() {
    ChatTemplate template = ChatTemplate.of(CHATML, Map.of());
    var open = List.of(message("user", "q"), message("assistant", "The answer "));
    assertEquals(
        "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\nThe answer ",
        template.renderUnfinished(open, Map.of()));
    String trimmed = CHATML.replace("m.content", "m.content | trim");
    assertEquals(
        "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\nThe answer",
        ChatTemplate.of(trimmed, Map.of()).renderUnfinished(open, Map.of()));
    assertThrows(
        TextException.class,
        () -> ChatTemplate.of("nothing", Map.of()).renderUnfinished(open, Map.of()));
  }

  @Test
  void clockAndSpecialTokens() {
    Clock clock = Clock.fixed(Instant.parse("2024-07-26T22:30:00Z"), ZoneId.of("Europe/Berlin"));
    assertEquals(
        "<s>27 Jul 2024 6",
        ChatTemplate.of(
                "{{ bos_token }}{{ strftime_now('%d %b %Y %-w') }}", Map.of("bos_token", "<s>"))
            .withClock(clock)
            .render(TALK, false, Map.of())
            .text());
  }

  @Test
  void errorsSayWhere() {
    assertEquals(
        "chat template: roles must alternate",
        errorOf("{{ raise_exception('roles must alternate') }}"));
    assertEquals(
        "chat template, line 3: Encountered unknown tag 'nope'.", errorOf("a\n\n{% nope %}"));
    assertEquals("chat template: 'x' is undefined", errorOf("{{ x.y }}"));
    assertEquals("chat template: No filter named 'zip'.", errorOf("{{ 'a' | zip }}"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(n) %}{{ f(n + 1) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% set ns = namespace(x='aa') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{%"
            + " endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{%"
            + " endfor %}",
        "{% set ns = namespace(x=3) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor"
            + " %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor"
            + " %}{{ ns.x }}",
        "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor"
            + " %}{{ ns.x == ns.x + [] }}{{ ns.x | tojson }}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
        "{{ 'x' * 999999999999 }}",
        "{{ [0] * 999999999 }}",
        "{{ range(1000000000) }}",
        "{{ 9 ** 9 ** 9 ** 9 ** 9 }}",
        "{{ '%999999999d' % 5 }}",
        "{{ 'a'.center(999999999) }}",
        "{{ 'a' | indent(999999999, true) }}",
        "{{ [[1]] | tojson(indent=999999999) }}",
        "{{ ('x' * 9999999).replace('', 'yyyyyyyyyy') }}",
        "{{ ([0] * 999999) |"
            + " join('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx') }}",
        "{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}"
      })
  void hostileTemplatesEnd(String source) {
    assertTimeout(Duration.ofSeconds(20), () -> errorOf(source));
  }

  @Test
  void deepTemplatesEnd() {
    int n = 20_000;
    for (String source :
        List.of(
            "{{ " + "(".repeat(n) + "1" + ")".repeat(n) + " }}",
            "{{ " + "[".repeat(n) + "]".repeat(n) + " }}",
            "{{ " + "not ".repeat(n) + "1 }}",
            "{{ " + "-".repeat(n) + "1 }}",
            "{{ 1" + " + 1".repeat(n) + " }}",
            "{{ x" + ".y".repeat(n) + " }}",
            "{{ 'x'" + " | trim".repeat(n) + " }}",
            "{{ 1" + " if 1 else 1".repeat(n) + " }}",
            "{% if 1 %}".repeat(n) + "{% endif %}".repeat(n),
            "{% set " + "(".repeat(n) + "a" + ")".repeat(n) + " = 1 %}")) {
      errorOf(source);
    }
  }

  @Test
  void aConversationOfManyMessages() {
    var many = new java.util.ArrayList<Map<String, Object>>();
    for (int i = 0; i < 5000; i++) {
      many.add(message(i % 2 == 0 ? "user" : "assistant", "x".repeat(200)));
    }
    String text = ChatTemplate.of(CHATML, Map.of()).render(many, true, Map.of()).text();
    assertTrue(text.endsWith("<|im_start|>assistant\n"));
  }
}
