package io.gatun.runtime.cli;

import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.LoraAdapter;
import io.gatun.runtime.model.Decoder;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.text.Tokenizer;
import io.gatun.runtime.train.Row;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gatun verify MODEL ADAPTER}: how far merged and unmerged outputs are apart. */
@Command(
    name = "verify",
    description =
        "Measures how far the outputs of the merged model are from those of the model with its"
            + " adapter beside it, in fp32 arithmetic, for every way of merging.",
    mixinStandardHelpOptions = true)
final class VerifyCommand implements Callable<Integer> {
  private static final List<String> TEXTS =
      List.of(
          "The capital of France is Paris, and the river that runs through it is the Seine.",
          "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n",
          "Water boils at 100 degrees Celsius at sea level; higher up it boils sooner.");

  @Parameters(index = "0", paramLabel = "MODEL", description = "The base model.")
  private Path model;

  @Parameters(index = "1", paramLabel = "ADAPTER", description = "A PEFT adapter folder.")
  private Path adapterPath;

  @Mixin private FormatOptions format = new FormatOptions();
  @Spec private CommandSpec spec;

  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description = "Text to compare on; may be given several times. Default: three short texts.")
  private List<String> prompts = List.of();

  @Option(
      names = {"--data", "-d"},
      paramLabel = "FILE",
      description = "A JSONL file whose rows are the text.")
  private Optional<Path> data;

  @Option(
      names = "--rows",
      defaultValue = "8",
      paramLabel = "N",
      description = "Rows of --data to take. Default: ${DEFAULT-VALUE}.")
  private int rows;

  @Option(
      names = "--per-layer",
      description = "Also show the difference of the hidden state after every layer.")
  private boolean perLayer;

  @Override
  public Integer call() {
    var out = spec.commandLine().getOut();
    try (var device = format.device();
        var memory = Arena.ofShared();
        var files = Arena.ofShared()) {
      var checkpoint = Checkpoint.open(model, files);
      var texts = texts(checkpoint);
      var trained = Decoder.load(checkpoint, format.format(), FormatOptions.EXACT, device, memory);
      var adapter = LoraAdapter.load(adapterPath, trained, memory);
      var reference = Outputs.of(trained, Optional.of(adapter), texts);
      out.printf("Unmerged: %s base with the adapter beside it, fp32 arithmetic.%n", format.name());
      out.printf("%d texts, %d positions.%n%n", texts.size(), reference.positions());
      out.println(Outputs.HEADER);
      compare(
          out, "the base as trained, kept in f32", reference, trained, adapter, WeightFormat.f32());
      compare(
          out,
          "the base as trained, kept in bf16",
          reference,
          trained,
          adapter,
          WeightFormat.bf16());
      compareOriginal(out, checkpoint, reference, adapter);
    }
    return 0;
  }

  private void compare(
      PrintWriter out,
      String name,
      Outputs reference,
      Decoder base,
      LoraAdapter adapter,
      WeightFormat kept) {
    try (var memory = Arena.ofShared()) {
      var merged = base.merged(adapter, kept, memory);
      var outputs = Outputs.of(merged, Optional.empty(), reference.texts());
      out.println(reference.line(name, outputs));
      if (perLayer) {
        reference.layers(outputs).forEach(out::println);
      }
      out.flush();
    }
  }

  /** Into the weights as they are in the file, before they were quantized for training. */
  private void compareOriginal(
      PrintWriter out, Checkpoint checkpoint, Outputs reference, LoraAdapter adapter) {
    if (checkpoint.names().stream().anyMatch(name -> checkpoint.fourBit(name).isPresent())) {
      out.println("The original weights are not in this checkpoint: it is stored in 4 bit.");
      return;
    }
    try (var memory = Arena.ofShared()) {
      var device = adapter.parameters().buffer().device();
      var original =
          Decoder.load(checkpoint, WeightFormat.f32(), FormatOptions.EXACT, device, memory);
      compare(
          out,
          "the original weights, kept in f32",
          reference,
          original,
          adapter,
          WeightFormat.f32());
      compare(
          out,
          "the original weights, kept in bf16",
          reference,
          original,
          adapter,
          WeightFormat.bf16());
    }
  }

  private List<int[]> texts(Checkpoint checkpoint) {
    try (var tokenizer = ModelFiles.tokenizer(checkpoint, DecoderConfig.of(checkpoint))) {
      var texts = new ArrayList<String>(prompts);
      data.ifPresent(file ->
          Row.forEach(
              file,
              row -> {
                if (texts.size() < prompts.size() + rows) {
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
