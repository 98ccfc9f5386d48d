package io.gatun.runtime.train;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * One row of a file of training or evaluation data, before the tokenizer. A message is what a chat
 * template takes: a map with at least {@code role} and {@code content}.
 */
public sealed interface Row {
  /**
   * Where the row stands.
   *
   * @return line of the file, from 1
   */
  int line();

  /**
   * Reads the rows of a JSONL file one by one. Their shape is that of the first row: {@code text},
   * {@code prompt} and {@code completion} (strings or message lists), {@code messages}, alpaca
   * ({@code instruction}, {@code input}, {@code output}, {@code system}, {@code history}) or
   * sharegpt ({@code conversations} with {@code from} and {@code value}).
   *
   * @param file the file, UTF-8, one JSON object a line
   * @param rows takes each row
   * @throws DatasetException naming file, line and key of what is wrong
   */
  static void forEach(Path file, Consumer<Row> rows) {
    AtomicReference<Optional<RowShape>> first = new AtomicReference<>(Optional.empty());
    JsonlFile.forEach(
        file,
        "{\"prompt\": \"...\", \"completion\": \"...\"}",
        (place, object) -> {
          var reader = new RowReader(place, object);
          RowShape shape = Objects.requireNonNull(first.get()).orElseGet(reader::detect);
          first.set(Optional.of(shape));
          rows.accept(reader.read(shape));
        });
  }

  /**
   * Raw text; all of it is learned.
   *
   * @param line line of the file
   * @param text the text, without an end token
   */
  record Text(int line, String text) implements Row {}

  /**
   * Raw text of which only the second part is learned.
   *
   * @param line line of the file
   * @param prompt what is given
   * @param completion what follows it directly, without an end token
   */
  record Completion(int line, String prompt, String completion) implements Row {}

  /**
   * A conversation; the turns of the assistant are learned.
   *
   * @param line line of the file
   * @param messages all turns
   * @param tools what the template may list as tools
   */
  record Chat(int line, List<Map<String, Object>> messages, List<Object> tools) implements Row {}

  /**
   * A conversation of which only the last part is learned.
   *
   * @param line line of the file
   * @param prompt the turns that are given
   * @param completion the turns that follow
   * @param tools what the template may list as tools
   */
  record ChatCompletion(
      int line,
      List<Map<String, Object>> prompt,
      List<Map<String, Object>> completion,
      List<Object> tools)
      implements Row {}
}
