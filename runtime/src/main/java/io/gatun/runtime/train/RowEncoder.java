package io.gatun.runtime.train;

import io.gatun.runtime.text.ChatTemplate;
import io.gatun.runtime.text.Encoding;
import io.gatun.runtime.text.TextException;
import io.gatun.runtime.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Turns rows into tokens and marks what is learned, by TRL's rules: prompt and completion are
 * tokenized together, and as many tokens as the prompt alone has belong to it.
 */
final class RowEncoder {
  private final String file;
  private final Tokenizer tokenizer;
  private final boolean maskPrompt;
  private final AtomicInteger merged = new AtomicInteger();

  /**
   * An encoder.
   *
   * @param file what messages call the rows' file
   * @param tokenizer of the model
   * @param maskPrompt whether only completions and the assistant's turns are learned
   */
  RowEncoder(String file, Tokenizer tokenizer, boolean maskPrompt) {
    this.file = file;
    this.tokenizer = tokenizer;
    this.maskPrompt = maskPrompt;
  }

  /** Rows so far whose tokens do not begin with those of their prompt alone. */
  int merged() {
    return merged.get();
  }

  /**
   * Rows, on all processors.
   *
   * @param rows in order
   * @return their tokens, in the same order
   * @throws DatasetException for the first row that {@link #encode} refuses
   */
  List<Example> encodeAll(List<? extends Row> rows) {
    try {
      return rows.parallelStream().map(this::encode).toList();
    } catch (DatasetException _) {
      return rows.stream().map(this::encode).toList();
    }
  }

  /**
   * One row, whole.
   *
   * @param row the row
   * @return its tokens
   * @throws DatasetException where it has nothing to learn or the template refuses it
   */
  Example encode(Row row) {
    try {
      Example example =
          switch (row) {
            case Row.Text text -> raw(text, "", text.text());
            case Row.Completion raw -> raw(raw, raw.prompt(), raw.completion());
            case Row.Chat chat -> chat(chat);
            case Row.ChatCompletion chat -> chatCompletion(chat);
          };
      if (example.supervised() == 0) {
        throw nothingToLearn(row);
      }
      return example;
    } catch (TextException e) {
      throw error(row, e.getMessage() + ".");
    }
  }

  /** Raw text of which what follows the prompt is learned, with the end token. */
  private Example raw(Row row, String prompt, String rest) {
    int[] ids = ended(tokenizer.encode(prompt + rest, true));
    int given = prompt.isEmpty() ? 0 : promptLength(tokenizer.encode(prompt, true), ids);
    return after(given, ids, row);
  }

  private Example chatCompletion(Row.ChatCompletion row) {
    ChatTemplate template = template(row);
    Map<String, Object> extras = extras(row.tools());
    List<Map<String, Object>> all = new ArrayList<>(row.prompt());
    all.addAll(row.completion());
    String prompt = template.render(row.prompt(), true, extras).text();
    int[] ids = tokenizer.encode(template.render(all, false, extras).text(), false);
    if (ids.length == 0) {
      throw nothingToLearn(row);
    }
    return after(promptLength(tokenizer.encode(prompt, false), ids), ids, row);
  }

  private Example chat(Row.Chat row) {
    ChatTemplate template = template(row);
    Map<String, Object> extras = extras(row.tools());
    if (!maskPrompt) {
      String text = template.render(row.messages(), false, extras).text();
      return after(0, tokenizer.encode(text, false), row);
    }
    var rendered = template.conversation(row.messages(), extras);
    Encoding encoding = tokenizer.encoding(rendered.text(), false);
    if (encoding.length() == 0) {
      throw nothingToLearn(row);
    }
    return new Example(encoding.ids(), encoding.covers(rendered.assistant()), row.line());
  }

  private Example after(int given, int[] ids, Row row) {
    if (ids.length == 0) {
      throw nothingToLearn(row);
    }
    boolean[] learned = new boolean[ids.length];
    Arrays.fill(learned, maskPrompt ? Math.min(given, ids.length) : 0, ids.length, true);
    return new Example(ids, learned, row.line());
  }

  /** Tokens of the prompt in the whole; an end token that the tokenizer itself adds is none. */
  private int promptLength(int[] prompt, int[] ids) {
    int length = prompt.length;
    boolean added =
        length > 0
            && tokenizer.eos().equals(OptionalInt.of(prompt[length - 1]))
            && length <= ids.length
            && ids[length - 1] != prompt[length - 1];
    length -= added ? 1 : 0;
    int mismatch = Arrays.mismatch(prompt, 0, length, ids, 0, Math.min(length, ids.length));
    if (mismatch >= 0) {
      merged.incrementAndGet();
    }
    return length;
  }

  private int[] ended(int[] ids) {
    int end =
        tokenizer
            .eos()
            .orElseThrow(() ->
                new DatasetException(
                    "The tokenizer names no end token, so the model would never learn to stop;"
                        + " set eos_token in its tokenizer_config.json."));
    if (ids.length > 0 && ids[ids.length - 1] == end) {
      return ids;
    }
    int[] longer = Arrays.copyOf(ids, ids.length + 1);
    longer[ids.length] = end;
    return longer;
  }

  private ChatTemplate template(Row row) {
    return tokenizer
        .chatTemplate()
        .orElseThrow(() ->
            error(
                row,
                "the row is a conversation, but the tokenizer has no chat template; add one"
                    + " (chat_template.jinja) or write prompt and completion as strings."));
  }

  private static Map<String, Object> extras(List<Object> tools) {
    return tools.isEmpty() ? Map.of() : Map.of("tools", tools);
  }

  private DatasetException nothingToLearn(Row row) {
    return error(
        row,
        switch (row) {
          case Row.Text _ -> "the text is empty, so there is nothing to learn; remove the row.";
          case Row.Completion _, Row.ChatCompletion _ ->
              "the completion has no token, so there is nothing to learn; remove the row.";
          case Row.Chat _ ->
              "no message of the assistant has a token, so there is nothing to learn; add its"
                  + " answer or remove the row.";
        });
  }

  private DatasetException error(Row row, String sentence) {
    return new DatasetException("%s, line %d: %s".formatted(file, row.line(), sentence));
  }
}
