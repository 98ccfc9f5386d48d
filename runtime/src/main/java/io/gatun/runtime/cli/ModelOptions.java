package io.gatun.runtime.cli;

import io.gatun.kernels.DType;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which model to run, in which numbers. */
final class ModelOptions {
  @Option(
      names = {"--model", "-m", "--model-name-or-path"},
      required = true,
      paramLabel = "MODEL",
      description = HubOption.MODEL)
  Path path;

  @Mixin HubOption hub = new HubOption();
  @Mixin FormatOptions format = new FormatOptions();

  @Option(
      names = {"--dtype", "--bnb-4bit-compute-dtype"},
      defaultValue = "bf16",
      paramLabel = "TYPE",
      description = "Numbers of the computation: bf16 or f32. Default: ${DEFAULT-VALUE}.")
  private String dtype;

  DType compute() {
    return switch (dtype) {
      case "bf16", "bfloat16" -> DType.BF16;
      case "f32", "fp32", "float32" -> DType.F32;
      default ->
          throw new UsageException("--dtype is '%s'; it must be bf16 or f32".formatted(dtype));
    };
  }
}
