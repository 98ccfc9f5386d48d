package io.gatun.bench;

import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.DeviceException;

/** The devices that can be measured. */
public final class Devices {
  private Devices() {}

  /**
   * Opens a device.
   *
   * @param name cpu or cuda
   * @param threads of the CPU; 0 for all
   * @return a new device, to be closed
   * @throws DeviceException if it cannot be had here
   * @throws IllegalArgumentException if it is no device
   */
  public static Device open(String name, int threads) {
    return switch (name) {
      case "cpu" ->
          threads == 0 ? Device.cpu() : Device.cpu(threads, CpuVariant.available().getLast());
      case "cuda" -> Device.cuda();
      default ->
          throw new IllegalArgumentException(
              "there is no device '%s'; take cpu or cuda".formatted(name));
    };
  }
}
