package io.gatun.runtime.cli;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * Values from the YAML file given by {@code --config}: every long flag is a key; the command line
 * wins.
 */
final class ConfigFile implements CommandLine.IDefaultValueProvider {
  private final CommandLine command;
  private final Map<String, String> values;

  /**
   * @param command the command whose flags are the allowed keys
   * @param args the whole command line, read for {@code --config}
   */
  ConfigFile(CommandLine command, String[] args) {
    this.command = command;
    this.values =
        args.length > 0 && command.getCommandSpec().names().contains(args[0])
            ? path(args).map(this::read).orElse(Map.of())
            : Map.of();
  }

  @Override
  @SuppressWarnings("NullAway") // no default is null, to picocli
  public String defaultValue(ArgSpec arg) {
    if (arg instanceof OptionSpec option) {
      for (String name : option.names()) {
        String value = values.get(key(name));
        if (value != null) {
          return value;
        }
      }
    }
    return null;
  }

  private static Optional<Path> path(String[] args) {
    for (int i = 1; i < args.length; i++) {
      if (args[i].startsWith("--config=")) {
        return Optional.of(Path.of(args[i].substring("--config=".length())));
      }
      if ((args[i].equals("--config") || args[i].equals("-c")) && i + 1 < args.length) {
        return Optional.of(Path.of(args[i + 1]));
      }
    }
    return Optional.empty();
  }

  private Map<String, String> read(Path path) {
    if (Files.isDirectory(path)) {
      throw bad("--config: " + path + " is a folder; name the YAML file");
    }
    if (!Files.exists(path)) {
      throw bad("--config: there is no file " + path);
    }
    JsonNode root;
    try {
      root = YAMLMapper.builder().build().readTree(Files.readString(path));
    } catch (JacksonException e) {
      throw bad(
          "--config: %s is not YAML at line %d, column %d; write lines of 'flag: value'"
              .formatted(path, e.getLocation().getLineNr(), e.getLocation().getColumnNr()));
    } catch (AccessDeniedException _) {
      throw bad("--config: no permission to read " + path + "; check its owner and mode");
    } catch (IOException e) {
      throw bad("--config: %s cannot be read as text: %s".formatted(path, e.getMessage()));
    }
    if (!root.isObject()) {
      throw bad("--config: " + path + " must hold lines of 'flag: value'");
    }
    var found = new LinkedHashMap<String, String>();
    for (var entry : root.properties()) {
      String key = key(entry.getKey());
      if (!keys().contains(key)) {
        throw bad(
            "--config: %s: unknown key '%s'; did you mean '%s'?"
                .formatted(path, entry.getKey(), Misuse.nearest(key, keys())));
      }
      found.put(key, text(entry.getValue()));
    }
    return found;
  }

  private static String text(JsonNode value) {
    if (value.isArray()) {
      return StreamSupport.stream(value.spliterator(), false)
          .map(JsonNode::asString)
          .collect(Collectors.joining(","));
    }
    return value.asString();
  }

  private CommandLine.ParameterException bad(String message) {
    return new CommandLine.ParameterException(command, message);
  }

  private TreeSet<String> keys() {
    return command.getCommandSpec().options().stream()
        .flatMap(option -> Arrays.stream(option.names()))
        .filter(name -> name.startsWith("--"))
        .map(ConfigFile::key)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static String key(String name) {
    return name.replaceFirst("^-+", "").replace('_', '-');
  }

  /** The keys found, for the tests. */
  List<String> found() {
    return List.copyOf(values.keySet());
  }
}
