package io.gatun.runtime.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.ObjectMapper;

/** {@code gatun doctor}: what was found of all that Gatun needs or can use. */
@Command(
    name = "doctor",
    description =
        "Says what was found on this machine: Java, CPU, memory, CUDA, caches; for what is missing,"
            + " what was tried and what to install. A machine without CUDA is an ordinary one.",
    mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Spec private CommandSpec spec;

  @Option(names = "--json", description = "As a line of JSON.")
  private boolean json;

  @Override
  public Integer call() {
    var out = spec.commandLine().getOut();
    var examination = Examination.run();
    if (json) {
      out.println(JSON.writeValueAsString(examination));
    } else {
      examination.lines().forEach(out::println);
    }
    return examination.cpuWorks() ? 0 : 1;
  }
}
