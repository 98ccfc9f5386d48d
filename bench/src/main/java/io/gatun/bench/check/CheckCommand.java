package io.gatun.bench.check;

import io.gatun.bench.Devices;
import io.gatun.bench.Machine;
import io.gatun.bench.Main;
import io.gatun.bench.ResultFile;
import io.gatun.kernels.Device;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** {@code gatun bench check}: GPU tests, benchmarks beside their targets, one table. */
@Command(
    name = "check",
    description =
        "Runs the GPU tests and the benchmarks that have targets, and prints a table of both. Parts"
            + " run one after the other, each in a process of its own and under a time limit.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
public final class CheckCommand implements Callable<Integer> {
  /** What a sentence of a command that failed begins with. */
  static final String SAYS = "gatun bench: ";

  @Option(
      names = "--device",
      defaultValue = "cuda",
      paramLabel = "DEVICE",
      description = "cuda or cpu. Default: ${DEFAULT-VALUE}.")
  private String device = "";

  @Option(
      names = "--output",
      defaultValue = "check-results",
      paramLabel = "FOLDER",
      description = "Where results.json and the logs of the parts go. Default: ${DEFAULT-VALUE}.")
  private Path output = Path.of("");

  @Option(
      names = "--parts",
      split = ",",
      paramLabel = "PART",
      description = "Only these: ${COMPLETION-CANDIDATES}.")
  private List<Part> parts = List.of(Part.values());

  @Option(
      names = "--scale",
      defaultValue = "FULL",
      paramLabel = "SCALE",
      description =
          "full, or small: a fraction of the work, which shows that every part runs and says"
              + " nothing about speed. Default: full.")
  private Bench.Scale scale = Bench.Scale.FULL;

  @Option(names = "--no-tests", description = "Only the benchmarks.")
  private boolean withoutTests;

  @Option(names = "--measure", hidden = true, description = "Measures one part in this process.")
  private Optional<Part> measured = Optional.empty();

  @Option(names = "--probe", hidden = true, description = "Opens the device and tells what it is.")
  private boolean probe;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    if (probe || measured.isPresent()) {
      measure();
      return 0;
    }
    var folder = Files.createDirectories(output.toAbsolutePath().normalize());
    var out = spec.commandLine().getOut();
    var results = Machine.header(arguments());
    var figures = new ArrayList<Figure>();
    var failure = child(folder, "probe", Duration.ofMinutes(3), "--probe");
    var machine = failure.isEmpty() ? read(file(folder, "probe")) : null;
    if (machine == null) {
      out.println("There is no GPU that Gatun can use here: " + failure.orElseThrow());
      results.put("no_device", failure.orElseThrow());
      out.println("No benchmark is run; tests that need a GPU are skipped.");
    } else {
      results.setAll(machine);
      out.println("Device: " + machine.at("/machine/device").stringValue());
    }
    if (!withoutTests) {
      figures.addAll(tests(folder, out));
      keep(folder, results, figures);
    }
    for (var part : parts) {
      figures.addAll(figures(folder, part, failure, out));
      keep(folder, results, figures);
    }
    if (scale == Bench.Scale.SMALL) {
      out.println(
          "At small scale the figures show that every part runs; they say nothing about speed.");
    }
    CheckTable.lines(figures).forEach(out::println);
    out.println("The results are in " + keep(folder, results, figures));
    return figures.stream().anyMatch(f -> f.target() == 0 && f.verdict().equals("short")) ? 1 : 0;
  }

  /** Writes what is known so far: a run that is stopped half-way loses its last part only. */
  private static Path keep(Path folder, ObjectNode results, List<Figure> figures) {
    var list = results.putArray("figures");
    figures.forEach(figure -> figure.write(list.addObject()));
    var file = folder.resolve("results.json");
    ResultFile.write(file, results);
    return file;
  }

  private List<Figure> tests(Path folder, PrintWriter out) {
    var jars = System.getProperty("gatun.tests", "");
    if (jars.isEmpty()) {
      return List.of(
          Figure.missing(0, "GPU tests", "only the kit holds them; in a source tree run mvn test"));
    }
    var tests = new GpuTests(Path.of(jars), folder);
    out.println("Running the tests of kernels and models");
    return List.of(
        tests.run("kernels", "tests of kernels and devices", "io.gatun.kernels"),
        tests.run(
            "runtime",
            "tests of models and training",
            "io.gatun.runtime.model",
            "io.gatun.runtime.adapter",
            "io.gatun.runtime.train"));
  }

  private List<Figure> figures(Path folder, Part part, Optional<String> noDevice, PrintWriter out)
      throws IOException {
    if (noDevice.isPresent()) {
      return List.of(Figure.missing(part.target(), part.title(), "no GPU"));
    }
    out.println("Measuring: " + part.title());
    var failure = child(folder, part.name(), part.limit(), "--measure", part.name());
    if (failure.isPresent()) {
      return List.of(Figure.missing(part.target(), part.title(), failure.get()));
    }
    return read(file(folder, part.name())).get("figures").valueStream().map(Figure::read).toList();
  }

  /** Runs this command for one part; gives the reason if it fails. */
  private Optional<String> child(Path folder, String name, Duration limit, String... what)
      throws IOException {
    Files.deleteIfExists(file(folder, name));
    var words = new ArrayList<>(List.of(Main.class.getName(), "check"));
    words.addAll(List.of("--device", device, "--scale", scale.name()));
    words.addAll(List.of("--output", file(folder, name).toString()));
    words.addAll(List.of(what));
    return new Child(folder.resolve(name.toLowerCase(Locale.ROOT) + ".log"))
        .run(List.of(), "", limit, words);
  }

  private static Path file(Path folder, String name) {
    return folder.resolve(name.toLowerCase(Locale.ROOT) + ".json");
  }

  private static ObjectNode read(Path file) throws IOException {
    return (ObjectNode) new JsonMapper().readTree(Files.readString(file));
  }

  private void measure() {
    var results = JsonNodeFactory.instance.objectNode();
    try (Device opened = Devices.open(device, 0)) {
      if (probe) {
        results.setAll(Machine.header(arguments()));
        Machine.describe(results, opened);
      } else {
        try (var arena = Arena.ofShared()) {
          var list = results.putArray("figures");
          for (var figure : measured.orElseThrow().run(new Bench(opened, scale, arena))) {
            (scale == Bench.Scale.FULL ? figure : figure.withoutBar()).write(list.addObject());
          }
        }
      }
    }
    ResultFile.write(output, results);
  }

  private String[] arguments() {
    return spec.root().commandLine().getParseResult().originalArgs().toArray(String[]::new);
  }
}
