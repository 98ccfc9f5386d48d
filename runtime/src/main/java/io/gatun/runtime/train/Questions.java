package io.gatun.runtime.train;

import io.gatun.runtime.generate.ExactMatch.Question;
import io.gatun.runtime.text.ChatTemplate;
import io.gatun.runtime.text.TextException;
import io.gatun.runtime.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.IntPredicate;

/** Reads rows as questions: what the model reads before it answers, and the right answer. */
public final class Questions {
  private final Path file;
  private final Tokenizer tokenizer;
  private final int context;

  private Questions(Path file, Tokenizer tokenizer, int context) {
    this.file = file;
    this.tokenizer = tokenizer;
    this.context = context;
  }

  /**
   * The questions of a JSONL file: prompts with their completions, and conversations with their
   * last message.
   *
   * @param file the file
   * @param tokenizer of the model
   * @param context most tokens that the model reads
   * @param lines which lines of the file to take
   * @return a question for each such row
   * @throws DatasetException naming file and line of a row that is no question, or is too long
   */
  public static List<Question> jsonl(
      Path file, Tokenizer tokenizer, int context, IntPredicate lines) {
    var reader = new Questions(file, tokenizer, context);
    List<Question> questions = new ArrayList<>();
    Row.forEach(
        file,
        row -> {
          if (lines.test(row.line())) {
            questions.add(reader.question(row));
          }
        });
    return questions;
  }

  private Question question(Row row) {
    try {
      var question =
          switch (row) {
            case Row.Completion(int line, String prompt, String completion) ->
                new Question(line, raw(prompt), completion);
            case Row.ChatCompletion(int line, var prompt, var completion, var tools) ->
                new Question(
                    line, rendered(row, prompt, tools), answer(row, completion.getFirst()));
            case Row.Chat(int line, var messages, var tools) ->
                new Question(
                    line,
                    rendered(row, messages.subList(0, messages.size() - 1), tools),
                    answer(row, messages.getLast()));
            case Row.Text _ ->
                throw error(
                    row,
                    "the row has no expected answer; an exact match needs prompt and completion, or"
                        + " messages.");
          };
      requireRoom(row, question.prompt().length);
      return question;
    } catch (TextException e) {
      throw error(row, e.getMessage() + ".");
    }
  }

  private void requireRoom(Row row, int length) {
    if (length == 0) {
      throw error(row, "the prompt has no token, so there is nothing to answer; remove the row.");
    }
    if (length >= context) {
      throw error(
          row,
          "the prompt has %,d tokens and the context of the model is %,d, which leaves no room for an answer; shorten it."
              .formatted(length, context));
    }
  }

  /** As training reads it, but for an end token that the tokenizer itself adds. */
  private int[] raw(String prompt) {
    int[] ids = tokenizer.encode(prompt, true);
    int last = ids.length - 1;
    boolean ended = last >= 0 && tokenizer.eos().equals(OptionalInt.of(ids[last]));
    if (!ended) {
      return ids;
    }
    int[] bare = tokenizer.encode(prompt, false);
    boolean spelled = bare.length > 0 && bare[bare.length - 1] == ids[last];
    return spelled ? ids : Arrays.copyOf(ids, last);
  }

  private int[] rendered(Row row, List<Map<String, Object>> turns, List<Object> tools) {
    ChatTemplate template =
        tokenizer
            .chatTemplate()
            .orElseThrow(() ->
                error(
                    row,
                    "the row is a conversation, but the tokenizer has no chat template; add one"
                        + " (chat_template.jinja) or write prompt and completion as strings."));
    Map<String, Object> extras = tools.isEmpty() ? Map.of() : Map.of("tools", tools);
    return tokenizer.encode(template.render(turns, true, extras).text(), false);
  }

  private String answer(Row row, Map<String, Object> message) {
    if (!"assistant".equals(message.get("role"))
        || !(message.get("content") instanceof String text)) {
      throw error(
          row,
          "the answer must be a message of the role assistant whose content is a string; end the"
              + " conversation with it.");
    }
    return text;
  }

  private DatasetException error(Row row, String sentence) {
    return new DatasetException("%s, line %d: %s".formatted(file, row.line(), sentence));
  }
}
