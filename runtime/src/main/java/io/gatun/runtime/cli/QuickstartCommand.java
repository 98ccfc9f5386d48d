package io.gatun.runtime.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * {@code gatun quickstart}: a classifier of real texts from a pretrained encoder, step by step.
 * Each step is another command, printed as a person would type it and run as if typed.
 */
@Command(
    name = "quickstart",
    description =
        "Trains a 4-bit LoRA classifier on one-line descriptions of Debian packages, measures it,"
            + " merges it, verifies the merge, and lets you try it; shows the command of each"
            + " step.",
    mixinStandardHelpOptions = true)
final class QuickstartCommand implements Callable<Integer> {
  private static final List<String> TEXTS =
      List.of(
          "fast and lightweight web server",
          "tool to align DNA sequences against a reference genome",
          "turn-based strategy game in a fantasy world");

  @Option(
      names = {"--model", "-m"},
      required = true,
      defaultValue = "${env:GATUN_QUICKSTART_MODEL}",
      paramLabel = "PATH",
      description =
          "The pretrained encoder. The launcher fetches all-MiniLM-L6-v2 through Maven if you name"
              + " none.")
  private Path model;

  @Option(
      names = {"--data", "-d"},
      required = true,
      defaultValue = "${env:GATUN_QUICKSTART_DATA}",
      paramLabel = "DIR",
      description =
          "A folder with debian-sections-train.jsonl and debian-sections-test.jsonl; the launcher"
              + " names bench/data.")
  private Path data;

  @Option(
      names = {"--output", "-o"},
      defaultValue = "quickstart",
      paramLabel = "DIR",
      description = "Where the adapter and the merged model go. Default: ${DEFAULT-VALUE}.")
  private Path output;

  @Option(names = "--again", description = "Train anew, even where an earlier run left an adapter.")
  private boolean again;

  @Mixin private DeviceOption device = new DeviceOption();
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    Path adapter = output.resolve("adapter");
    Path merged = output.resolve("merged");
    var train = again ? with(train(adapter), List.of("--overwrite")) : train(adapter);
    boolean trained = !again && Files.isRegularFile(adapter.resolve("adapter_config.json"));
    int code = step("Train an adapter", train, trained);
    if (code == 0) {
      code = step("Measure it on texts it has not seen", eval(adapter), false);
    }
    if (code == 0) {
      boolean kept = trained && Files.isRegularFile(merged.resolve("config.json"));
      if (!kept) {
        OutputFolder.delete(merged); // of the adapter before
      }
      code = step("Merge it into the model", merge(adapter, merged), kept);
    }
    if (code == 0) {
      code = step("Is the merged model the same?", verify(adapter), false);
    }
    return code == 0 ? step("Try it", predict(adapter), false) : code;
  }

  private List<String> train(Path adapter) {
    return List.of(
        "train",
        "--task",
        "classification",
        "--model",
        shown(model),
        "--data",
        file("train"),
        "--valid-split",
        "0.05",
        "--rank",
        "8",
        "--alpha",
        "32",
        "--lora-target",
        "query,key,value,dense",
        "--epochs",
        "5",
        "--batch-size",
        "16",
        "--lr",
        "1e-3",
        "--steps-per-report",
        "50",
        "--output",
        shown(adapter));
  }

  private List<String> eval(Path adapter) {
    return List.of(
        "eval", "--model", shown(model), "--adapter-path", shown(adapter), "--data", file("test"));
  }

  private List<String> merge(Path adapter, Path merged) {
    return List.of(
        "merge",
        "--model",
        shown(model),
        "--adapter-path",
        shown(adapter),
        "--save-path",
        shown(merged));
  }

  private List<String> verify(Path adapter) {
    return List.of("verify", shown(model), shown(adapter), "--data", file("test"));
  }

  /** What is typed at a terminal; without one, three texts of our own. */
  private List<String> predict(Path adapter) {
    var command =
        new ArrayList<>(
            List.of("predict", "--model", shown(model), "--adapter-path", shown(adapter)));
    var console = System.console();
    if (console == null || !console.isTerminal()) {
      command.addAll(TEXTS);
    }
    return command;
  }

  private String file(String part) {
    return shown(data.resolve("debian-sections-" + part + ".jsonl"));
  }

  /** Short where it can be: what lies below the working directory is named from there. */
  private static String shown(Path path) {
    var here = Path.of("").toAbsolutePath();
    return (path.startsWith(here) ? here.relativize(path) : path).toString();
  }

  private int step(String title, List<String> command, boolean done) {
    var out = spec.commandLine().getOut();
    var words = with(command, device.flags());
    out.printf("%n%s%n$ ./gatun %s%n", title, shell(words));
    if (done) {
      out.println("(done by an earlier run; --again starts over)");
    }
    out.flush();
    return done ? 0 : Main.run(out, spec.commandLine().getErr(), words.toArray(String[]::new));
  }

  private static List<String> with(List<String> command, List<String> flags) {
    var longer = new ArrayList<>(command);
    longer.addAll(flags);
    return longer;
  }

  /** As the shell takes it: quoted where a blank or a sign asks for it. */
  private static String shell(List<String> command) {
    return command.stream()
        .map(
            word -> word.matches("[\\w./,:=@%+-]+") ? word : "'" + word.replace("'", "'\\''") + "'")
        .collect(Collectors.joining(" "));
  }
}
