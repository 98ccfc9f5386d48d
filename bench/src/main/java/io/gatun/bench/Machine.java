package io.gatun.bench;

import io.gatun.kernels.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Pattern;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** What a result must say besides its numbers: the machine, the commit, the command. */
public final class Machine {
  private static final Path PROCESSORS = Path.of("/proc/cpuinfo");
  private static final Pattern OUTPUT = Pattern.compile(" --output[ =]\\S+");

  private Machine() {}

  /**
   * The beginning of a file of results.
   *
   * @param command as it was typed, after {@code gatun bench}; a folder named by {@code --output}
   *     is left out: it is the writer's, and changes no number
   * @return an object with machine, commit, command and java
   */
  public static ObjectNode header(String... command) {
    var root = JsonNodeFactory.instance.objectNode();
    root.put("command", "gatun bench " + OUTPUT.matcher(String.join(" ", command)).replaceAll(""));
    root.put("commit", System.getProperty("gatun.commit", "unknown"));
    root.put("java", System.getProperty("java.vm.vendor") + " " + Runtime.version());
    var machine = root.putObject("machine");
    machine.put("processor", processor());
    machine.put("processors", Runtime.getRuntime().availableProcessors());
    machine.put("system", System.getProperty("os.name") + " " + System.getProperty("os.version"));
    return root;
  }

  /**
   * Adds the device that was measured.
   *
   * @param root an object of {@link #header}
   * @param device what was measured
   */
  public static void describe(ObjectNode root, Device device) {
    root.withObject("/machine")
        .put("device", device.toString())
        .put("device_bytes", device.memory().capacity());
  }

  private static String processor() {
    try (var lines = Files.lines(PROCESSORS)) {
      return lines
          .filter(line -> line.toLowerCase(Locale.ROOT).startsWith("model name"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(System.getProperty("os.arch"));
    } catch (IOException unreadable) {
      return System.getProperty("os.arch");
    }
  }
}
