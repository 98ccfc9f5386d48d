package io.gatun.runtime.cli;

import io.gatun.kernels.DType;
import io.gatun.quant.WeightFormat;
import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.runtime.adapter.MergedModel;
import io.gatun.runtime.text.TokenizerExport;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code gatun merge}: a plain model out of a model and its adapter. */
@Command(
    name = "merge",
    aliases = "fuse",
    description =
        "Writes the model with the adapter merged in as a Hugging Face folder, tensor by tensor.",
    mixinStandardHelpOptions = true)
final class MergeCommand implements Callable<Integer> {
  /** Which weights the adapter is added to. */
  enum Base {
    /** Those it was trained on: quantized and decoded again. */
    TRAINED,
    /** Those of the file. */
    ORIGINAL
  }

  @Option(
      names = {"--model", "-m", "--model-name-or-path"},
      required = true,
      paramLabel = "MODEL",
      description = HubOption.MODEL)
  private Path model;

  @Option(
      names = {"--adapter-path", "--adapter"},
      required = true,
      paramLabel = "ADAPTER",
      description = HubOption.ADAPTER)
  private Path adapterPath;

  @Option(
      names = {"--save-path", "--output", "-o"},
      defaultValue = "fused_model",
      paramLabel = "DIR",
      description = "Where the model goes. Default: ${DEFAULT-VALUE}.")
  private Path output;

  @Option(
      names = "--base",
      defaultValue = "trained",
      paramLabel = "WHICH",
      description =
          "What the adapter is added to: the weights it was trained on (trained: quantized as"
              + " --quantization says, and decoded), or those of the file (original). Default:"
              + " ${DEFAULT-VALUE}.")
  private Base base;

  @Option(
      names = "--dtype",
      defaultValue = "bf16",
      paramLabel = "TYPE",
      description = "Type of the written weights: bf16, f16 or f32. Default: ${DEFAULT-VALUE}.")
  private String dtype;

  @Option(
      names = "--max-shard-size",
      defaultValue = "5",
      paramLabel = "GB",
      description = "Most GB of a file. Default: ${DEFAULT-VALUE}.")
  private double shardSize;

  @Mixin private HubOption hub = new HubOption();
  @Mixin private FormatOptions format = new FormatOptions();
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    var type = type();
    if (!(shardSize > 0)) {
      throw new UsageException("--max-shard-size is " + shardSize + "; it must be above 0");
    }
    var path = hub.model(model);
    var folder = hub.adapter(adapterPath);
    try (var device = format.device.open(spec.commandLine().getErr());
        var memory = Arena.ofShared()) {
      var checkpoint = Checkpoint.open(path, memory);
      var weights = base == Base.TRAINED ? format.format() : WeightFormat.f32();
      var merged = MergedModel.of(checkpoint, weights, folder, type, device, memory);
      OutputFolder.write(
          output,
          written -> {
            merged.write(written, (long) (shardSize * 1e9));
            TokenizerExport.write(checkpoint, written);
          });
    }
    spec.commandLine().getOut().println("The merged model is in " + output);
    return 0;
  }

  private DType type() {
    return switch (dtype) {
      case "bf16", "bfloat16" -> DType.BF16;
      case "f16", "fp16", "float16" -> DType.F16;
      case "f32", "fp32", "float32" -> DType.F32;
      default ->
          throw new UsageException("--dtype is '%s'; it must be bf16, f16 or f32".formatted(dtype));
    };
  }
}
