package io.gatun.runtime.cli;

import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** A command line that cannot be understood, as a sentence that names what was probably meant. */
final class Misuse {
  private Misuse() {}

  /**
   * What is wrong with a command line.
   *
   * @param e what the parser found
   * @param args the whole command line
   */
  static String sentence(ParameterException e, String[] args) {
    var command = e.getCommandLine();
    return switch (e) {
      case UnmatchedArgumentException unmatched ->
          unknown(command, unmatched.getUnmatched().getFirst());
      // a required option that was misspelled is missing, but that is not what to say
      case MissingParameterException _ ->
          unknownOption(command, args)
              .map(arg -> unknown(command, arg))
              .orElseGet(() -> String.valueOf(e.getMessage()));
      default -> String.valueOf(e.getMessage());
    };
  }

  private static String unknown(CommandLine command, String arg) {
    if (arg.startsWith("-")) {
      var names = options(command).keySet().stream().filter(name -> name.startsWith("--"));
      return "unknown option '%s'; did you mean '%s'?"
          .formatted(name(arg), nearest(name(arg), names.toList()));
    }
    if (!command.getSubcommands().isEmpty()) {
      return "unknown command '%s'; did you mean '%s'?"
          .formatted(arg, nearest(arg, command.getSubcommands().keySet()));
    }
    return "unexpected argument '%s'; a value stands after its option, or in quotes if it has blanks"
        .formatted(arg);
  }

  private static Optional<String> unknownOption(CommandLine command, String[] args) {
    var options = options(command);
    return IntStream.range(1, args.length)
        .filter(i -> args[i].startsWith("--") && !options.containsKey(name(args[i])))
        .filter(i -> !takesValue(Optional.ofNullable(options.get(args[i - 1]))))
        .mapToObj(i -> args[i])
        .findFirst();
  }

  private static boolean takesValue(Optional<OptionSpec> option) {
    return option.map(o -> o.arity().max() > 0).orElse(false);
  }

  /** All options by all their names. */
  private static Map<String, OptionSpec> options(CommandLine command) {
    var options = new HashMap<>(command.getCommandSpec().optionsMap());
    options.putAll(command.getCommandSpec().negatedOptionsMap());
    return options;
  }

  private static String name(String arg) {
    int equals = arg.indexOf('=');
    return equals < 0 ? arg : arg.substring(0, equals);
  }

  /**
   * The name that is spelled most like a word.
   *
   * @param word what was written
   * @param names at least one
   */
  static String nearest(String word, Collection<String> names) {
    return names.stream()
        .sorted()
        .min((a, b) -> Integer.compare(distance(a, word), distance(b, word)))
        .orElseThrow();
  }

  /** Levenshtein distance. */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    Arrays.setAll(row, i -> i);
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int substituted = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(substituted, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
