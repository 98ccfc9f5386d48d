package io.gatun.runtime.cli;

import io.gatun.kernels.DType;
import io.gatun.quant.WeightFormat;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** In which numbers weights are kept, and where the work is done. */
final class FormatOptions {
  /** The type of arithmetic where differences are measured. */
  static final DType EXACT = DType.F32;

  @Option(
      names = {"--quantization", "--bnb-4bit-quant-type"},
      paramLabel = "FORMAT",
      description =
          "Numbers of the linear layers: nf4 (double quantization), nf4-single, fp4, fp4-single,"
              + " bf16, f32. Layers stored in 4 bit stay as they are. Default: nf4; those of"
              + " --dtype for a classifier that has its own head and no adapter.")
  private Optional<String> quantization;

  @Mixin DeviceOption device = new DeviceOption();

  /** As the user named it. */
  String name() {
    return quantization.orElse("nf4");
  }

  WeightFormat format() {
    return format(name());
  }

  /** The format that was asked for, else another. */
  WeightFormat formatOr(WeightFormat other) {
    return quantization.map(FormatOptions::format).orElse(other);
  }

  private static WeightFormat format(String name) {
    return switch (name) {
      case "nf4" -> WeightFormat.nf4(true);
      case "nf4-single" -> WeightFormat.nf4(false);
      case "fp4" -> WeightFormat.fp4(true);
      case "fp4-single" -> WeightFormat.fp4(false);
      case "bf16", "bfloat16" -> WeightFormat.bf16();
      case "f32", "fp32", "float32" -> WeightFormat.f32();
      default ->
          throw new UsageException(
              "--quantization is '%s'; it must be nf4, nf4-single, fp4, fp4-single, bf16 or f32"
                  .formatted(name));
    };
  }

  /** The format, if it is a 4-bit one. */
  Optional<WeightFormat.FourBit> fourBit() {
    return format() instanceof WeightFormat.FourBit fourBit
        ? Optional.of(fourBit)
        : Optional.empty();
  }
}
