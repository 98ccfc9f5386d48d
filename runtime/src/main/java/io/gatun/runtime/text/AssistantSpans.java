package io.gatun.runtime.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What the assistant wrote in a rendered conversation, found by rendering its beginnings. */
final class AssistantSpans {
  private AssistantSpans() {}

  /** One span for each message of the assistant, in characters of {@code whole}. */
  static List<Span> find(
      ChatTemplate template,
      List<? extends Map<String, ?>> messages,
      Map<String, ?> extras,
      String whole) {
    var spans = new ArrayList<Span>();
    for (int i = 0; i < messages.size(); i++) {
      if (!"assistant".equals(messages.get(i).get("role"))) {
        continue;
      }
      String before = beginning(template, messages.subList(0, i), true, extras, i);
      boolean last = i == messages.size() - 1;
      String after =
          last ? whole : beginning(template, messages.subList(0, i + 1), false, extras, i);
      if (!after.startsWith(before)) {
        throw inconsistent(i, "does not begin with the prompt that asks for it");
      }
      if (!whole.startsWith(after)) {
        throw inconsistent(i, "reads differently once other messages follow");
      }
      spans.add(new Span(before.length(), after.length()));
    }
    return spans;
  }

  private static String beginning(
      ChatTemplate template,
      List<? extends Map<String, ?>> messages,
      boolean prompt,
      Map<String, ?> extras,
      int message) {
    try {
      return template.render(messages, prompt, extras).text();
    } catch (TextException e) {
      throw inconsistent(message, "cannot be rendered apart (" + e.getMessage() + ")");
    }
  }

  private static TextException inconsistent(int message, String why) {
    return new TextException(
        "the assistant's text cannot be told apart: message %d %s; use a chat template with {%% generation %%} blocks, or rows of prompt and completion"
            .formatted(message + 1, why));
  }
}
