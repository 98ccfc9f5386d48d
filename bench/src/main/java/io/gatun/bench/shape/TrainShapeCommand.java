package io.gatun.bench.shape;

import io.gatun.bench.Devices;
import io.gatun.bench.Machine;
import io.gatun.bench.ResultFile;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.quant.WeightFormat;
import io.gatun.runtime.adapter.LoraConfig;
import io.gatun.runtime.train.TrainingPlan.Recompute;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code gatun bench train}: training steps on random weights of a model's shape. */
@Command(
    name = "train",
    description =
        "Measures training steps of a model that is known by its shape only: real QLoRA steps on"
            + " random weights.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
public final class TrainShapeCommand implements Callable<Integer> {
  @Option(
      names = "--shape",
      required = true,
      paramLabel = "SHAPE",
      description = "smollm2-135m, llama-8b, llama-70b and so on, or the path of a config.json.")
  private String shape = "";

  @Option(
      names = "--layers",
      paramLabel = "N",
      description =
          "Measure models of the first N and of N/2 blocks, and extrapolate to the whole model.")
  private Optional<Integer> layers = Optional.empty();

  @Option(
      names = "--tokens",
      defaultValue = "4x2048",
      paramLabel = "ROWSxLENGTH",
      description = "Rows of a step and tokens of each. Default: ${DEFAULT-VALUE}.")
  private String tokens = "";

  @Option(
      names = "--rank",
      defaultValue = "16",
      paramLabel = "R",
      description = "Rank of the adapter of all linear layers. Default: ${DEFAULT-VALUE}.")
  private int rank;

  @Option(
      names = "--quantization",
      defaultValue = "nf4",
      paramLabel = "FORMAT",
      description = "Of the linear layers: nf4 (double quantization) or bf16. Default: nf4.")
  private String quantization = "";

  @Option(
      names = "--dtype",
      defaultValue = "BF16",
      paramLabel = "TYPE",
      description = "Of activations, embedding and head: bf16 or f32. Default: bf16.")
  private DType dtype = DType.BF16;

  @Option(
      names = "--recompute",
      defaultValue = "AUTO",
      paramLabel = "WHEN",
      description =
          "Compute blocks again on the way back: auto (only where memory asks for it), on, off."
              + " Default: auto.")
  private Recompute recompute = Recompute.AUTO;

  @Option(
      names = "--decoded-once",
      description =
          "Decode 4-bit weights once, into memory that a bf16 base would take, and not for each"
              + " product; on a GPU.")
  private boolean decodedOnce;

  @Option(
      names = "--steps",
      defaultValue = "10",
      paramLabel = "N",
      description = "Steps that are measured. Default: ${DEFAULT-VALUE}.")
  private int steps;

  @Option(
      names = "--warmup",
      defaultValue = "2",
      paramLabel = "N",
      description = "Steps before them. Default: ${DEFAULT-VALUE}.")
  private int warmup;

  @Option(
      names = "--device",
      defaultValue = "cpu",
      paramLabel = "DEVICE",
      description = "cpu or cuda. Default: ${DEFAULT-VALUE}.")
  private String device = "";

  @Option(
      names = {"--threads", "-t"},
      defaultValue = "0",
      paramLabel = "N",
      description = "CPU threads; 0 takes all. Default: ${DEFAULT-VALUE}.")
  private int threads;

  @Option(
      names = "--profile",
      description = "Print what a GPU was doing in the measured steps, by operation.")
  private boolean profile;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description = "The results as JSON. Default: train-SHAPE-DEVICE.json in this folder.")
  private Optional<Path> output = Optional.empty();

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    var run = run();
    var err = spec.commandLine().getErr();
    var report = new ShapeReport(Shape.of(shape), run, quantization);
    var results = Machine.header(arguments());
    try (Device opened = Devices.open(device, threads)) {
      Machine.describe(results, opened);
      report.add(run.measure(opened, err::println, profile));
    }
    if (run.config().layers() < report.shape().config().layers()) {
      // A device of its own, so that its peak is that of this run.
      try (Device opened = Devices.open(device, threads)) {
        report.add(
            run.withLayers(run.config().layers() / 2).measure(opened, err::println, profile));
      }
    }
    report.describe(results);
    report.lines().forEach(spec.commandLine().getOut()::println);
    var file = output.orElse(Path.of("train-%s-%s.json".formatted(report.shape().name(), device)));
    ResultFile.write(file, results);
    spec.commandLine().getOut().println("The results are in " + file);
    return 0;
  }

  private String[] arguments() {
    return spec.commandLine().getParseResult().originalArgs().toArray(String[]::new);
  }

  private ShapeRun run() {
    if (steps < 1 || warmup < 0) {
      throw misuse("there must be 1 measured step or more, and no fewer than 0 to warm up");
    }
    if (profile && device.equals("cpu")) {
      throw misuse("--profile shows what a GPU was doing; add --device cuda");
    }
    if (decodedOnce && device.equals("cpu")) {
      throw misuse("--decoded-once is for a GPU, the CPU multiplies by 4 bits; add --device cuda");
    }
    try {
      var config = Shape.of(shape).config();
      var run =
          new ShapeRun(
              config,
              format(),
              dtype,
              LoraConfig.defaults().withRank(rank, 2.0 * rank),
              Rows.parse(tokens),
              recompute,
              decodedOnce,
              warmup,
              steps);
      if (layers.isEmpty() || layers.get() == config.layers()) {
        return run;
      }
      if (layers.get() < 2) {
        throw misuse("--layers must be 2 or more: two models tell what a layer takes");
      }
      return run.withLayers(layers.get());
    } catch (IllegalArgumentException e) {
      throw misuse(e.getMessage());
    }
  }

  private WeightFormat format() {
    return switch (quantization) {
      case "nf4" -> WeightFormat.nf4();
      case "bf16" -> WeightFormat.bf16();
      default -> throw misuse("--quantization is '%s'; take nf4 or bf16".formatted(quantization));
    };
  }

  private ParameterException misuse(String sentence) {
    return new ParameterException(spec.commandLine(), sentence);
  }
}
