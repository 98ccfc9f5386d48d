package io.gatun.runtime.cli;

import io.gatun.kernels.Device;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** Where a command computes. */
final class DeviceOption {
  private static final String CPU = "cpu";

  @Option(
      names = {"--threads", "-t"},
      defaultValue = "0",
      paramLabel = "N",
      description = "CPU threads; 0 takes all. Default: ${DEFAULT-VALUE}.")
  private int threads;

  @Option(
      names = "--device",
      defaultValue = CPU,
      paramLabel = "cpu|cuda|cuda:N",
      description =
          "Where to compute: the CPU, the first NVIDIA GPU, or GPU N. What cannot be used is"
              + " refused; 'gatun doctor' says why. Default: ${DEFAULT-VALUE}.")
  private String device;

  /**
   * Opens the device that was asked for, and no other.
   *
   * @param err is told which it is
   */
  Device open(PrintWriter err) {
    var opened = open();
    err.println("device: " + opened);
    err.flush();
    return opened;
  }

  private Device open() {
    if (device.equals(CPU)) {
      return cpu();
    }
    if (threads != 0) {
      throw new UsageException("--threads is for --device cpu; leave it out with " + device);
    }
    if (device.equals("cuda")) {
      return Device.cuda();
    }
    if (device.matches("cuda:[0-9]{1,3}")) {
      return Device.cuda(Integer.parseInt(device.substring("cuda:".length())));
    }
    throw new UsageException(
        "--device is '%s'; it must be cpu, cuda or cuda:N, N the number of a GPU"
            .formatted(device));
  }

  private Device cpu() {
    if (threads < 0) {
      throw new UsageException("--threads is " + threads + "; it must be 0 (all) or more");
    }
    var strongest = Device.CpuVariant.available().getLast();
    return threads == 0 ? Device.cpu() : Device.cpu(threads, strongest);
  }

  /** The same choice as flags of another command. */
  List<String> flags() {
    var flags = new ArrayList<String>();
    if (!device.equals(CPU)) {
      flags.addAll(List.of("--device", device));
    }
    if (threads != 0) {
      flags.addAll(List.of("--threads", String.valueOf(threads)));
    }
    return flags;
  }
}
