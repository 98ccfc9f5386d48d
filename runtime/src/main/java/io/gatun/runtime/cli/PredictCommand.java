package io.gatun.runtime.cli;

import io.gatun.runtime.train.DatasetException;
import io.gatun.runtime.train.TextRow;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gatun predict}: what a classifier says of texts, as lines of JSON. */
@Command(
    name = "predict",
    description =
        "Classifies texts: prints a line of JSON for each, with its label and the scores of all"
            + " labels. Reads lines from the terminal, or from a pipe, if it is given none.",
    mixinStandardHelpOptions = true)
final class PredictCommand implements Callable<Integer> {
  private static final String STDIN = "standard input";

  @Mixin private ModelOptions model = new ModelOptions();
  @Mixin private AdapterOption adapter = new AdapterOption();
  @Spec private CommandSpec spec;

  @Parameters(arity = "0..*", paramLabel = "TEXT", description = "Texts to classify.")
  private List<String> texts = List.of();

  @Option(
      names = {"--file", "--data", "-d"},
      paramLabel = "FILE",
      description =
          "JSONL rows with text, sentence, text1 + text2 or sentence1 + sentence2; a .txt file with"
              + " a text in each line; or - for JSONL rows from a pipe.")
  private Optional<String> file;

  @Option(
      names = {"--max-seq-length", "--max-length"},
      paramLabel = "N",
      description = "Cut texts after this many tokens. Default: the context of the model.")
  private Optional<Integer> maxLength;

  @Override
  public Integer call() throws IOException {
    refuseEmptyTexts();
    try (var loaded = LoadedClassifier.open(model, adapter, spec.commandLine().getErr())) {
      var predictor = loaded.predictor().withMaxLength(loaded.maxLength(maxLength));
      var lines = new PredictionLines(predictor, spec.commandLine().getOut());
      if (texts.isEmpty() && file.isEmpty() && isTerminal()) {
        converse(lines);
      } else {
        answer(lines);
      }
      lines.remark().ifPresent(spec.commandLine().getErr()::println);
    }
    return 0;
  }

  private void refuseEmptyTexts() {
    if (!texts.isEmpty() && file.isPresent()) {
      throw new UsageException("texts and --file both say what to classify; use one of them");
    }
    for (int i = 0; i < texts.size(); i++) {
      if (texts.get(i).isBlank()) {
        throw new UsageException(
            "TEXT %d is empty, so there is nothing to classify".formatted(i + 1));
      }
    }
  }

  private void answer(PredictionLines lines) throws IOException {
    try {
      read(lines);
    } catch (DatasetException e) {
      lines.answer(); // the rows before the one that is wrong
      throw e;
    }
    lines.answer();
  }

  private void read(PredictionLines lines) throws IOException {
    String name = file.orElse("");
    if (!texts.isEmpty()) {
      texts.forEach(text -> lines.add(row(0, text)));
    } else if (name.endsWith(".txt")) {
      TextRow.lines(model.hub.rows(Path.of(name)), lines::add);
    } else if (name.equals("-")) {
      TextRow.jsonl(STDIN, System.in, row -> answerAtOnce(lines, row));
    } else if (file.isPresent()) {
      TextRow.jsonl(model.hub.rows(Path.of(name)), lines::add);
    } else {
      TextRow.lines(STDIN, System.in, row -> answerAtOnce(lines, row));
    }
  }

  /**
   * Whoever writes into a pipe may wait for the answer; rows that are there already go together.
   */
  private static void answerAtOnce(PredictionLines lines, TextRow row) {
    try {
      lines.add(row);
      if (System.in.available() == 0) {
        lines.answer();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void converse(PredictionLines lines) throws IOException {
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    var err = spec.commandLine().getErr();
    for (int number = 1; true; number++) {
      err.print("> ");
      err.flush();
      String line = in.readLine();
      if (line == null) {
        err.println();
        return;
      }
      if (!line.isBlank()) {
        lines.add(row(number, line));
        lines.answer();
      }
    }
  }

  private static TextRow row(int line, String text) {
    return new TextRow(line, Map.of("text", text), Optional.empty(), Optional.empty());
  }

  private static boolean isTerminal() {
    var console = System.console();
    return console != null && console.isTerminal();
  }
}
