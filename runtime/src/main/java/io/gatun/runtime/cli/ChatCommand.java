package io.gatun.runtime.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
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

/** {@code gatun chat}: a conversation, line by line. */
@Command(
    name = "chat",
    description = "Talks with a model. /reset forgets the conversation, /exit ends it.",
    mixinStandardHelpOptions = true)
final class ChatCommand implements Callable<Integer> {
  @Mixin private ModelOptions model = new ModelOptions();
  @Mixin private AdapterOption adapter = new AdapterOption();
  @Mixin private SamplingOptions sampling = new SamplingOptions();
  @Spec private CommandSpec spec;

  @Option(
      names = "--system-prompt",
      paramLabel = "TEXT",
      description = "The system message of the conversation.")
  private String systemPrompt = "";

  @Option(
      names = "--prefill-response",
      paramLabel = "TEXT",
      description = "How each answer must begin.")
  private String prefill = "";

  private final List<Map<String, Object>> turns = new ArrayList<>();

  @Override
  public Integer call() throws IOException {
    var settings = sampling.sampling();
    var out = spec.commandLine().getOut();
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    try (var loaded = LoadedModel.open(model, adapter, spec.commandLine().getErr())) {
      reset();
      while (true) {
        out.print("> ");
        out.flush();
        String line = in.readLine();
        if (line == null || line.strip().equals("/exit")) {
          return 0;
        } else if (line.strip().equals("/reset")) {
          reset();
        } else if (!line.isBlank()) {
          turns.add(Prompts.turn("user", line));
          int[] tokens = Prompts.answering(loaded.tokenizer(), turns, prefill);
          out.print(prefill);
          var answer =
              loaded
                  .generator()
                  .generate(
                      List.of(tokens),
                      settings,
                      (_, piece) -> {
                        out.print(piece);
                        out.flush();
                      })
                  .getFirst();
          out.println();
          turns.add(Prompts.turn("assistant", prefill + answer.text()));
        }
      }
    }
  }

  private void reset() {
    turns.clear();
    if (!systemPrompt.isEmpty()) {
      turns.add(Prompts.turn("system", systemPrompt));
    }
  }
}
