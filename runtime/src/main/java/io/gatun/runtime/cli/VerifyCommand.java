package io.gatun.runtime.cli;

import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.AdapterConfigFile;
import java.lang.foreign.Arena;
import java.nio.file.Path;
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
  @Parameters(index = "0", paramLabel = "MODEL", description = "The base. " + HubOption.MODEL)
  private Path model;

  @Parameters(index = "1", paramLabel = "ADAPTER", description = HubOption.ADAPTER)
  private Path adapterPath;

  @Mixin private HubOption hub = new HubOption();
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
    var path = hub.model(model);
    var adapter = hub.adapter(adapterPath);
    var file = data.map(hub::rows);
    try (var device = format.device.open(spec.commandLine().getErr());
        var memory = Arena.ofShared();
        var files = Arena.ofShared()) {
      var checkpoint = Checkpoint.open(path, files);
      if (AdapterConfigFile.classifies(adapter, checkpoint)) {
        if (perLayer) {
          throw new UsageException("--per-layer is for language models; this is a classifier");
        }
        var texts = VerifyTexts.inputs(prompts, file, rows);
        try (var kind = ClassifierVerification.of(checkpoint, adapter, texts, device, memory)) {
          compare(kind, checkpoint, memory);
        }
      } else {
        var texts = VerifyTexts.tokens(checkpoint, prompts, file, rows);
        var kind = DecoderVerification.of(checkpoint, adapter, texts, perLayer, device, memory);
        compare(kind, checkpoint, memory);
      }
    }
    return 0;
  }

  private <M, O> void compare(Verification<M, O> kind, Checkpoint checkpoint, Arena memory) {
    var out = spec.commandLine().getOut();
    var trained = kind.load(format.format(), memory);
    var reference = kind.unmerged(trained);
    out.printf("Unmerged: %s base with the adapter beside it, fp32 arithmetic.%n", format.name());
    out.printf("%s.%n%n%s%n", kind.subject(), kind.header());
    merge(kind, "the base as trained", trained, reference);
    if (checkpoint.names().stream().anyMatch(name -> checkpoint.fourBit(name).isPresent())) {
      out.println("The original weights are not in this checkpoint: it is stored in 4 bit.");
      return;
    }
    // as they are in the file, before they were quantized for training
    try (var original = Arena.ofShared()) {
      merge(kind, "the original weights", kind.load(WeightFormat.f32(), original), reference);
    }
  }

  private <M, O> void merge(Verification<M, O> kind, String into, M base, O reference) {
    var out = spec.commandLine().getOut();
    kind.lines(into + ", kept in f32", reference, kind.merged(base, WeightFormat.f32()))
        .forEach(out::println);
    kind.lines(into + ", kept in bf16", reference, kind.merged(base, WeightFormat.bf16()))
        .forEach(out::println);
    out.flush();
  }
}
