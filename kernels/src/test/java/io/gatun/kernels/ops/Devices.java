package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

/**
 * The parameter source of every op test: {@code @MethodSource("io.gatun.kernels.ops.Devices#all")}.
 * Every variant is listed, with 1 and 2 threads; one that this machine cannot run is reported as
 * skipped.
 */
public final class Devices {
  private Devices() {}

  /**
   * All devices to test.
   *
   * @return variants x thread counts
   */
  public static Stream<Choice> all() {
    return Arrays.stream(CpuVariant.values())
        .flatMap(v -> Stream.of(new Choice(v, 1), new Choice(v, 2)));
  }

  /**
   * A device to be opened.
   *
   * @param variant instruction set
   * @param threads threads
   */
  public record Choice(CpuVariant variant, int threads) {
    /**
     * Opens the device and an arena, runs the test, closes the arena, requires that nothing is
     * live, closes the device.
     *
     * @param test what to do
     */
    public void run(BiConsumer<Device, Arena> test) {
      assumeTrue(
          CpuVariant.available().contains(variant),
          "this machine cannot run " + variant + " kernels");
      try (Device device = Device.cpu(threads, variant)) {
        try (Arena arena = Arena.ofConfined()) {
          test.accept(device, arena);
        }
        assertEquals(0, device.memory().allocated(), "live bytes after the test");
      }
    }
  }
}
