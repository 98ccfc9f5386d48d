package io.gatun.kernels;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * What a device was doing while some work ran.
 *
 * @param operations what each kind of operation took on the device, the longest first
 * @param busyMillis how long at least one operation was running
 * @param millis how long the work took, on the host's clock, until the device was done
 */
public record Profile(List<Operation> operations, double busyMillis, double millis) {
  /** Sorts and copies the list. */
  public Profile {
    operations =
        operations.stream()
            .sorted(Comparator.comparingDouble(Operation::millis).reversed())
            .toList();
  }

  /**
   * All operations of a name, whatever their shapes.
   *
   * @param name a kernel, a product, or a copy
   * @param calls how many
   * @param millis of all of them; those on different streams may have run at the same time
   */
  public record Operation(String name, long calls, double millis) {}

  /**
   * One line an operation: name, calls, milliseconds, share of the sum, microseconds of a call; and
   * a last line for how busy the device was.
   *
   * @return lines, the first with titles
   */
  public List<String> table() {
    double sum = operations.stream().mapToDouble(Operation::millis).sum();
    var lines = new ArrayList<String>();
    lines.add(
        "%-32s %8s %12s %8s %10s".formatted("operation", "calls", "total ms", "share", "mean us"));
    for (var o : operations) {
      lines.add(
          String.format(
              Locale.ROOT,
              "%-32s %8d %12.3f %7.1f%% %10.2f",
              o.name(),
              o.calls(),
              o.millis(),
              100 * o.millis() / sum,
              1e3 * o.millis() / o.calls()));
    }
    lines.add(
        String.format(
            Locale.ROOT,
            "The device was busy for %.3f of %.3f ms (%.1f%%).",
            busyMillis,
            millis,
            100 * busyMillis / millis));
    return lines;
  }
}
