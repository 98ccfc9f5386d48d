package io.gatun.runtime.cli;

import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.predict.Input;
import io.gatun.runtime.text.Tokenizer;
import io.gatun.runtime.train.Row;
import io.gatun.runtime.train.TextRow;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The texts that models are compared on: those given, the first rows of a file, or a few. */
final class VerifyTexts {
  private static final List<String> TEXTS =
      List.of(
          "The capital of France is Paris, and the river that runs through it is the Seine.",
          "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n",
          "Water boils at 100 degrees Celsius at sea level; higher up it boils sooner.");

  private VerifyTexts() {}

  /**
   * Texts to classify.
   *
   * @param given any number
   * @param data JSONL rows of texts
   * @param rows how many of them to take
   */
  static List<Input> inputs(List<String> given, Optional<Path> data, int rows) {
    var inputs = new ArrayList<Input>(given.stream().map(Input::of).toList());
    data.ifPresent(file ->
        TextRow.jsonl(
            file,
            row -> {
              if (inputs.size() < given.size() + rows) {
                inputs.add(new Input(row.first(), row.second()));
              }
            }));
    return inputs.isEmpty() ? TEXTS.stream().map(Input::of).toList() : inputs;
  }

  /**
   * Tokens of texts to continue.
   *
   * @param checkpoint whose tokenizer
   * @param given any number
   * @param data JSONL rows of any shape that training takes
   * @param rows how many of them to take
   */
  static List<int[]> tokens(
      Checkpoint checkpoint, List<String> given, Optional<Path> data, int rows) {
    try (var tokenizer = ModelFiles.tokenizer(checkpoint, DecoderConfig.of(checkpoint))) {
      var texts = new ArrayList<String>(given);
      data.ifPresent(file ->
          Row.forEach(
              file,
              row -> {
                if (texts.size() < given.size() + rows) {
                  texts.add(text(tokenizer, row));
                }
              }));
      return (texts.isEmpty() ? TEXTS : texts)
          .stream()
              .map(text -> tokenizer.encode(text, false))
              .filter(ids -> ids.length > 0)
              .toList();
    }
  }

  private static String text(Tokenizer tokenizer, Row row) {
    return switch (row) {
      case Row.Text(_, String text) -> text;
      case Row.Completion(_, String prompt, String completion) -> prompt + completion;
      case Row.Chat(_, var messages, _) -> Prompts.render(tokenizer, messages);
      case Row.ChatCompletion(_, var prompt, var completion, _) -> {
        var all = new ArrayList<>(prompt);
        all.addAll(completion);
        yield Prompts.render(tokenizer, all);
      }
    };
  }
}
