package io.gatun.runtime.cli;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The entry point: {@code gatun COMMAND}. Exit codes: 0 done, 1 failed, 2 bad usage. */
@Command(
    name = "gatun",
    description = "Trains LoRA and QLoRA adapters on Hugging Face and GGUF models, and runs them.",
    mixinStandardHelpOptions = true,
    version = "gatun 0.1.0",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      TrainCommand.class,
      GenerateCommand.class,
      ChatCommand.class,
      PredictCommand.class,
      MergeCommand.class,
      EvalCommand.class,
      InspectCommand.class,
      QuantizeCommand.class,
      VerifyCommand.class,
      QuickstartCommand.class,
      DoctorCommand.class
    })
public final class Main {
  /** For picocli. */
  public Main() {}

  /**
   * Runs a command and exits with its code.
   *
   * @param args command and flags
   */
  public static void main(String[] args) {
    var out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
    var err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    System.exit(run(out, err, args));
  }

  /**
   * Runs a command.
   *
   * @param out where results go
   * @param err where messages go
   * @param args command and flags
   * @return 0 done, 1 failed, 2 bad usage
   */
  static int run(PrintWriter out, PrintWriter err, String... args) {
    var commandLine =
        new CommandLine(new Main())
            .setOut(out)
            .setErr(err)
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setUsageHelpAutoWidth(true)
            .setExecutionExceptionHandler(Main::failed)
            .setParameterExceptionHandler(Main::misused);
    try {
      for (var command : Set.copyOf(commandLine.getSubcommands().values())) {
        command.addMixin("config", new ConfigOption());
        command.setDefaultValueProvider(new ConfigFile(command, args));
      }
      return commandLine.execute(args.length == 0 ? new String[] {"--help"} : args);
    } catch (CommandLine.ParameterException e) {
      return misused(e, args);
    } finally {
      out.flush();
      err.flush();
    }
  }

  /** One sentence for what people can mend; the stack trace only for what is our own fault. */
  private static int failed(Exception e, CommandLine command, CommandLine.ParseResult result) {
    command.getErr().println("gatun: " + Messages.of(e));
    if (e instanceof UsageException) {
      return CommandLine.ExitCode.USAGE;
    }
    if (Messages.isDefect(e)) {
      e.printStackTrace(command.getErr());
    }
    return CommandLine.ExitCode.SOFTWARE;
  }

  private static int misused(CommandLine.ParameterException e, String[] args) {
    var err = e.getCommandLine().getErr();
    err.println("gatun: " + Misuse.sentence(e, args));
    err.println("Try 'gatun " + name(e.getCommandLine()) + "--help'.");
    return CommandLine.ExitCode.USAGE;
  }

  private static String name(CommandLine command) {
    return command.getParent() == null ? "" : command.getCommandName() + " ";
  }
}
