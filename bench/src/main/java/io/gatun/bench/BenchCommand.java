package io.gatun.bench;

import io.gatun.bench.check.CheckCommand;
import io.gatun.bench.shape.TrainShapeCommand;
import io.gatun.kernels.DeviceException;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The commands beside JMH's benchmarks. */
@Command(
    name = "gatun bench",
    description = "Measures Gatun. Without one of these commands, arguments go to JMH.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {TrainShapeCommand.class, CheckCommand.class})
public final class BenchCommand {
  /** For picocli. */
  BenchCommand() {}

  /**
   * Runs a command.
   *
   * @param out where results go
   * @param err where messages go
   * @param arguments a command and its flags
   * @return 0 done, 1 failed, 2 bad usage
   */
  public static int run(PrintWriter out, PrintWriter err, String... arguments) {
    return new CommandLine(new BenchCommand())
        .setOut(out)
        .setErr(err)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setUsageHelpAutoWidth(true)
        .setExecutionExceptionHandler(BenchCommand::failed)
        .setParameterExceptionHandler(BenchCommand::misused)
        .execute(arguments);
  }

  /** One sentence for what people can mend; the stack trace for what is our own fault. */
  private static int failed(Exception e, CommandLine command, CommandLine.ParseResult result) {
    command.getErr().println("gatun bench: " + e.getMessage());
    if (!(e instanceof DeviceException || e instanceof IllegalArgumentException)) {
      e.printStackTrace(command.getErr());
    }
    return CommandLine.ExitCode.SOFTWARE;
  }

  private static int misused(CommandLine.ParameterException e, String[] arguments) {
    e.getCommandLine().getErr().println("gatun bench: " + e.getMessage());
    return CommandLine.ExitCode.USAGE;
  }
}
