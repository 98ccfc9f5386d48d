package io.gatun.runtime.cli;

import io.gatun.runtime.generate.Answer;
import io.gatun.runtime.generate.Generator;
import io.gatun.runtime.generate.Sampling;
import io.gatun.runtime.text.Tokenizer;
import io.gatun.runtime.train.Row;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * {@code gatun eval}: the share of prompts answered exactly as expected, without and with the
 * adapter.
 */
@Command(
    name = "eval",
    description =
        "Counts answers that equal the expected text (blanks stripped, case ignored), of the base"
            + " model and, with --adapter-path, of the model with the adapter.",
    mixinStandardHelpOptions = true)
final class EvalCommand implements Callable<Integer> {
  private static final int SLACK = 4; // tokens an answer may be longer than the longest expected

  @Mixin private ModelOptions model = new ModelOptions();
  @Mixin private AdapterOption adapter = new AdapterOption();
  @Spec private CommandSpec spec;

  @Option(
      names = {"--data", "-d"},
      required = true,
      split = ",",
      paramLabel = "FILE",
      description = "JSONL files of prompts and expected answers, in any shape training takes.")
  private List<Path> data;

  @Option(
      names = {"--max-tokens", "--max-new-tokens", "-n"},
      paramLabel = "N",
      description = "Most tokens of an answer. Default: those of the longest expected answer + 4.")
  private Optional<Integer> maxTokens;

  @Option(
      names = "--no-base",
      description = "Do not run the base model; only the model with the adapter.")
  private boolean noBase;

  @Option(
      names = "--show",
      defaultValue = "0",
      paramLabel = "N",
      description = "Print the first N wrong answers of each file.")
  private int show;

  /** A prompt and what it should give. */
  private record Case(int line, int[] prompt, String expected) {}

  @Override
  public Integer call() {
    if (noBase && adapter.path.isEmpty()) {
      throw new UsageException("--no-base needs --adapter-path; there is nothing else to run");
    }
    var out = spec.commandLine().getOut();
    try (var loaded = LoadedModel.open(model, adapter)) {
      for (Path file : data) {
        var cases = cases(loaded.tokenizer(), file);
        var line =
            new StringBuilder(
                "%s: %d rows: exact match".formatted(file.getFileName(), cases.size()));
        if (!noBase) {
          line.append(" base ")
              .append(score(loaded.base(), loaded.tokenizer(), cases, out, adapter.path.isEmpty()));
        }
        if (loaded.adapter().isPresent()) {
          line.append(noBase ? "" : " ->").append(" with adapter ");
          line.append(score(loaded.generator(), loaded.tokenizer(), cases, out, true));
        }
        out.println(line);
      }
    }
    return 0;
  }

  private static List<Case> cases(Tokenizer tokenizer, Path file) {
    var cases = new ArrayList<Case>();
    Row.forEach(file, row -> cases.add(of(tokenizer, file, row)));
    return cases;
  }

  private static Case of(Tokenizer tokenizer, Path file, Row row) {
    return switch (row) {
      case Row.Completion(int line, String prompt, String completion) ->
          new Case(line, tokenizer.encode(prompt, false), completion);
      case Row.ChatCompletion(int line, var prompt, var completion, _) ->
          new Case(line, Prompts.answering(tokenizer, prompt, ""), content(completion.getFirst()));
      case Row.Chat(int line, var messages, _) when messages.size() > 1 ->
          new Case(
              line,
              Prompts.answering(tokenizer, messages.subList(0, messages.size() - 1), ""),
              content(messages.getLast()));
      default ->
          throw new UsageException(
              "%s line %d has no expected answer; give rows with prompt and completion, or messages"
                  .formatted(file, row.line()));
    };
  }

  private static String content(Map<String, Object> message) {
    return String.valueOf(message.get("content"));
  }

  private String score(
      Generator generator, Tokenizer tokenizer, List<Case> cases, PrintWriter out, boolean print) {
    int longest =
        cases.stream().mapToInt(c -> tokenizer.encode(c.expected, false).length).max().orElse(1);
    var sampling = Sampling.greedy(maxTokens.orElse(longest + SLACK));
    var answers =
        generator.generate(cases.stream().map(Case::prompt).toList(), sampling, (_, _) -> {});
    int right = 0;
    int shown = 0;
    for (int i = 0; i < cases.size(); i++) {
      if (isExact(answers.get(i), cases.get(i).expected)) {
        right++;
      } else if (print && shown++ < show) {
        out.printf(
            "  line %d: expected '%s', got '%s'%n",
            cases.get(i).line, cases.get(i).expected.strip(), answers.get(i).text().strip());
      }
    }
    return String.format(
        Locale.ROOT, "%.1f %% (%d)", 100.0 * right / Math.max(1, cases.size()), right);
  }

  private static boolean isExact(Answer answer, String expected) {
    return normal(answer.text()).equals(normal(expected));
  }

  private static String normal(String text) {
    return text.strip().toLowerCase(Locale.ROOT);
  }
}
