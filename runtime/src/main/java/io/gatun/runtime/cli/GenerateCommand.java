package io.gatun.runtime.cli;

import io.gatun.runtime.generate.Answer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code gatun generate}: answers to one or several prompts. */
@Command(
    name = "generate",
    description = "Answers prompts, streaming the text.",
    mixinStandardHelpOptions = true)
final class GenerateCommand implements Callable<Integer> {
  @Mixin private ModelOptions model = new ModelOptions();
  @Mixin private AdapterOption adapter = new AdapterOption();
  @Mixin private SamplingOptions sampling = new SamplingOptions();
  @Spec private CommandSpec spec;

  @Option(
      names = {"--prompt", "-p"},
      required = true,
      paramLabel = "TEXT",
      description = "What to answer; '-' reads it from standard input. May be given several times.")
  private List<String> prompts;

  @Option(
      names = "--system-prompt",
      paramLabel = "TEXT",
      description = "The system message before each prompt.")
  private String systemPrompt = "";

  @Option(
      names = "--prefill-response",
      paramLabel = "TEXT",
      description = "How the answer must begin.")
  private String prefill = "";

  @Option(
      names = {"--ignore-chat-template", "--raw"},
      description = "Give the prompt to the model as it is.")
  private boolean raw;

  @Override
  public Integer call() throws IOException {
    var settings = sampling.sampling();
    var out = spec.commandLine().getOut();
    try (var loaded = LoadedModel.open(model, adapter, spec.commandLine().getErr())) {
      var tokens = new ArrayList<int[]>();
      for (String prompt : prompts) {
        tokens.add(tokens(loaded, read(prompt)));
      }
      var generator = loaded.generator();
      if (tokens.size() == 1) {
        out.print(prefill);
        generator.generate(tokens, settings, (_, piece) -> print(out, piece));
        out.println();
      } else {
        print(out, generator.generate(tokens, settings, (_, _) -> {}));
      }
    }
    return 0;
  }

  private static String read(String prompt) throws IOException {
    return prompt.equals("-")
        ? new String(System.in.readAllBytes(), StandardCharsets.UTF_8)
        : prompt;
  }

  private int[] tokens(LoadedModel loaded, String prompt) {
    if (raw) {
      return loaded.tokenizer().encode(prompt + prefill, true);
    }
    var turns = new ArrayList<Map<String, Object>>();
    if (!systemPrompt.isEmpty()) {
      turns.add(Prompts.turn("system", systemPrompt));
    }
    turns.add(Prompts.turn("user", prompt));
    return Prompts.answering(loaded.tokenizer(), turns, prefill);
  }

  private static void print(PrintWriter out, String piece) {
    out.print(piece);
    out.flush();
  }

  private void print(PrintWriter out, List<Answer> answers) {
    for (int i = 0; i < answers.size(); i++) {
      out.println("> " + prompts.get(i));
      out.println(prefill + answers.get(i).text());
    }
  }
}
