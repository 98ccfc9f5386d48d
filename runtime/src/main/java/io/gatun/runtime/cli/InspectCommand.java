package io.gatun.runtime.cli;

import io.gatun.quant.checkpoint.Checkpoint;
import io.gatun.quant.checkpoint.TensorInfo;
import io.gatun.runtime.adapter.AdapterConfigFile;
import io.gatun.runtime.adapter.LabelsFile;
import io.gatun.runtime.model.ClassifierConfig;
import io.gatun.runtime.model.DecoderConfig;
import io.gatun.runtime.model.Labels;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gatun inspect PATH}: what is in a model or an adapter. */
@Command(
    name = "inspect",
    description = "Lists the tensors and counts the parameters of a model or an adapter.",
    mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
  private static final int SHOWN = 20; // labels in a line

  @Mixin private HubOption hub = new HubOption();
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "MODEL|ADAPTER",
      description = "A PEFT adapter folder, or a model. " + HubOption.MODEL)
  private Path path;

  @Option(
      names = {"--model", "-m"},
      paramLabel = "MODEL",
      description = "With an adapter: its base model, for the share of trainable parameters.")
  private Optional<Path> base;

  @Option(names = "--summary", description = "Only the counts, not the tensors.")
  private boolean summary;

  @Override
  public Integer call() {
    var out = spec.commandLine().getOut();
    var found = hub.modelOrAdapter(path);
    try (var files = Arena.ofShared()) {
      boolean isAdapter = Files.exists(found.resolve("adapter_config.json"));
      var tensors =
          Checkpoint.open(isAdapter ? found.resolve("adapter_model.safetensors") : found, files);
      if (!summary) {
        list(out, tensors);
      }
      if (isAdapter) {
        adapter(out, found, parameters(tensors), files);
      } else {
        out.printf(Locale.ROOT, "%s: %,d parameters%n", kind(tensors), parameters(tensors));
        if (ClassifierConfig.isClassifier(tensors)) {
          classifier(out, tensors);
        }
      }
    }
    return 0;
  }

  private void adapter(PrintWriter out, Path adapter, long count, Arena files) {
    if (base.isPresent()) {
      var checkpoint = Checkpoint.open(hub.model(base.get()), files);
      var config =
          AdapterConfigFile.classifies(adapter, checkpoint)
              ? ClassifierConfig.of(checkpoint, LabelsFile.of(adapter, checkpoint))
              : DecoderConfig.of(checkpoint);
      out.println(TrainableParameters.line(count, config));
    } else {
      out.printf(Locale.ROOT, "adapter: %,d parameters%n", count);
    }
    LabelsFile.read(adapter).ifPresent(labels -> out.println(line(labels)));
  }

  private static void classifier(PrintWriter out, Checkpoint model) {
    var config = ClassifierConfig.of(model, Labels.of(model));
    out.println(
        config.newModules().isEmpty()
            ? line(config.labels())
            : "no head for labels: an adapter brings " + String.join(" and ", config.newModules()));
  }

  private static String line(Labels labels) {
    int more = labels.size() - SHOWN;
    String names = labels.names().stream().limit(SHOWN).collect(Collectors.joining(", "));
    return "%d labels (%s): %s%s"
        .formatted(
            labels.size(),
            labels.problem().configName(),
            names,
            more > 0 ? " and %d more".formatted(more) : "");
  }

  private static void list(PrintWriter out, Checkpoint tensors) {
    for (String name : tensors.names()) {
      var info = tensors.info(name);
      out.printf("%-64s %-6s %s%n", name, info.dtype(), shape(info));
    }
  }

  private static String shape(TensorInfo info) {
    return info.shape().stream().map(String::valueOf).collect(Collectors.joining(" x ", "[", "]"));
  }

  private static String kind(Checkpoint tensors) {
    return tensors.config().path("model_type").asString("model");
  }

  /** Elements of all tensors that are parameters of the model. */
  private static long parameters(Checkpoint tensors) {
    return tensors.names().stream()
        .filter(name -> !name.equals("rope_freqs.weight") && !name.endsWith("position_ids"))
        .map(tensors::info)
        .mapToLong(TensorInfo::elements)
        .sum();
  }
}
