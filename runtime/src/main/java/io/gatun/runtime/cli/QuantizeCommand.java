package io.gatun.runtime.cli;

import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.model.QuantizedModel;
import io.gatun.runtime.text.TokenizerExport;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code gatun quantize}: a bitsandbytes 4-bit checkpoint out of a model. */
@Command(
    name = "quantize",
    description =
        "Writes a model as a bitsandbytes 4-bit checkpoint, tensor by tensor. Embedding, norms and"
            + " head keep 16 bit.",
    mixinStandardHelpOptions = true)
final class QuantizeCommand implements Callable<Integer> {
  @Option(
      names = {"--model", "-m", "--model-name-or-path"},
      required = true,
      paramLabel = "MODEL",
      description = HubOption.MODEL)
  private Path model;

  @Option(
      names = {"--save-path", "--output", "-o"},
      required = true,
      paramLabel = "DIR",
      description = "Where the checkpoint goes.")
  private Path output;

  @Mixin private HubOption hub = new HubOption();
  @Mixin private FormatOptions format = new FormatOptions();
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    var fourBit =
        format
            .fourBit()
            .orElseThrow(
                () -> new UsageException("--quantization must be a 4-bit format: nf4 or fp4"));
    var path = hub.model(model);
    try (var device = format.device.open(spec.commandLine().getErr());
        var memory = Arena.ofShared()) {
      var checkpoint = Checkpoint.open(path, memory);
      var quantized = new QuantizedModel(checkpoint, fourBit, device);
      OutputFolder.write(
          output,
          folder -> {
            quantized.write(folder);
            TokenizerExport.write(checkpoint, folder);
          });
    }
    spec.commandLine().getOut().println("The 4-bit model is in " + output);
    return 0;
  }
}
