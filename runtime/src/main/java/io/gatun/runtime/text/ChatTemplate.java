package io.gatun.runtime.text;

import io.gatun.runtime.text.jinja.JinjaException;
import io.gatun.runtime.text.jinja.Rendering;
import io.gatun.runtime.text.jinja.Template;
import io.gatun.runtime.text.jinja.Value;
import io.gatun.runtime.text.jinja.Values;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The Jinja template that turns a conversation into a model's text. A message is a map with at
 * least {@code role}, and mostly {@code content}: a string, or a list of blocks; values may be
 * strings, numbers, booleans, lists, maps, JSON nodes, and null inside lists and maps. Rendered
 * text is encoded without adding special tokens: the template writes them itself.
 *
 * <p>The text of messages is data and is never evaluated. Rendering is bounded in steps, size and
 * depth, so that no template can hang or exhaust the process. Immutable and safe for use by several
 * threads.
 */
public final class ChatTemplate {
  private static final String MARKER = "CONTINUE_FINAL_MESSAGE_TAG";

  private final Template template;
  private final Map<String, String> specialTokens;
  private final Clock clock;

  private ChatTemplate(Template template, Map<String, String> specialTokens, Clock clock) {
    this.template = template;
    this.specialTokens = specialTokens;
    this.clock = clock;
  }

  /**
   * Parses a template.
   *
   * @param source the Jinja text
   * @param specialTokens what templates find by name, such as {@code bos_token} and its text
   * @return the template, with the system's clock
   * @throws TextException if its syntax is wrong, with the line
   */
  public static ChatTemplate of(String source, Map<String, String> specialTokens) {
    try {
      Clock clock = Clock.systemDefaultZone();
      return new ChatTemplate(Template.parse(source), Map.copyOf(specialTokens), clock);
    } catch (JinjaException e) {
      throw error(e);
    }
  }

  /**
   * The same template with another clock.
   *
   * @param clock what {@code strftime_now} shows, in its zone
   * @return a new template
   */
  public ChatTemplate withClock(Clock clock) {
    return new ChatTemplate(template, specialTokens, clock);
  }

  /**
   * A rendered conversation.
   *
   * @param text what the model reads
   * @param assistant the characters of it that the assistant wrote, in order
   */
  public record Rendered(String text, List<Span> assistant) {}

  /**
   * Renders a conversation.
   *
   * @param messages in order
   * @param addGenerationPrompt whether the text ends where the assistant's next message begins; a
   *     forced beginning of that message is simply appended
   * @param extras further names for the template, such as {@code tools} or {@code enable_thinking}
   * @return the text, and the spans that the template itself marks with {@code {% generation %}}
   * @throws TextException if the template refuses the conversation or fails
   */
  public Rendered render(
      List<? extends Map<String, ?>> messages, boolean addGenerationPrompt, Map<String, ?> extras) {
    var variables = new HashMap<String, Value>();
    variables.put("tools", Value.NONE);
    variables.put("documents", Value.NONE);
    specialTokens.forEach((name, text) -> variables.put(name, Value.of(text)));
    extras.forEach((name, value) -> variables.put(name, Values.of(value)));
    variables.put("messages", Values.of(messages));
    variables.put("add_generation_prompt", Value.of(addGenerationPrompt));
    try {
      Rendering rendering = template.render(variables, clock);
      List<Span> spans =
          rendering.generated().stream().map(r -> new Span(r.start(), r.end())).toList();
      return new Rendered(rendering.text(), spans);
    } catch (JinjaException e) {
      throw error(e);
    }
  }

  /**
   * Renders a conversation whose last message is not finished: the text ends with its content, and
   * generation goes on from there.
   *
   * @param messages in order; the content of the last is a string
   * @param extras as in {@link #render}
   * @return the text
   * @throws TextException if the template fails, or does not write the last message's content
   */
  public String renderUnfinished(List<? extends Map<String, ?>> messages, Map<String, ?> extras) {
    if (messages.isEmpty() || !(messages.getLast().get("content") instanceof CharSequence last)) {
      throw new TextException("a message to continue needs a string as its content");
    }
    var marked = new ArrayList<Map<String, ?>>(messages);
    var open = new LinkedHashMap<String, Object>(messages.getLast());
    open.put("content", last + MARKER + " ");
    marked.set(marked.size() - 1, open);
    String text = render(marked, false, extras).text();
    int at = text.lastIndexOf(MARKER);
    if (at < 0 || !text.substring(0, at).contains(last.toString().strip())) {
      throw new TextException(
          "the last message cannot be continued: the chat template does not write its content");
    }
    boolean spaceKept = text.startsWith(" ", at + MARKER.length());
    return spaceKept ? text.substring(0, at) : text.substring(0, at).stripTrailing();
  }

  /**
   * Renders a whole conversation and finds what the assistant wrote in it: by the template's {@code
   * {% generation %}} blocks, or, where it has none, by rendering the conversation up to each
   * message of the role {@code assistant}. In the second case a span runs from the end of the
   * generation prompt to the end of the message, so that the end of the turn is part of it.
   *
   * @param messages in order
   * @param extras as in {@link #render}
   * @return the text and its spans
   * @throws TextException if the template fails, or has no such blocks and renders a message
   *     differently once others follow
   */
  public Rendered conversation(List<? extends Map<String, ?>> messages, Map<String, ?> extras) {
    Rendered whole = render(messages, false, extras);
    return template.marksGeneration()
        ? whole
        : new Rendered(whole.text(), AssistantSpans.find(this, messages, extras, whole.text()));
  }

  /**
   * The spans of {@link #conversation} without extras.
   *
   * @param messages in order
   * @return characters of the whole conversation's text
   * @throws TextException as {@link #conversation}
   */
  public List<Span> assistantSpans(List<? extends Map<String, ?>> messages) {
    return conversation(messages, Map.of()).assistant();
  }

  private static TextException error(JinjaException e) {
    String where =
        e.line().isPresent() ? "chat template, line " + e.line().getAsInt() : "chat template";
    return new TextException(where + ": " + e.getMessage(), e);
  }
}
