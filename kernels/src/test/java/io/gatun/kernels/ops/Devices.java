package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.cuda.CudaTests;
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
   * All devices of an op that has a CUDA kernel too: the GPU, or the emulator with its threads and
   * blocks in each order.
   *
   * @return variants x thread counts, and orders
   */
  public static Stream<Place> withCuda() {
    return Stream.concat(all(), Arrays.stream(Gpu.values()));
  }

  /** Where a test runs. */
  public sealed interface Place {
    /**
     * Opens the device; skips the test where there is none.
     *
     * @return a new device
     */
    Device open();

    /**
     * Opens the device and an arena, runs the test, closes the arena, requires that nothing is
     * live, closes the device.
     *
     * @param test what to do
     */
    default void run(BiConsumer<Device, Arena> test) {
      try (Device device = open()) {
        try (Arena arena = Arena.ofConfined()) {
          test.accept(device, arena);
        }
        assertEquals(0, device.memory().allocated(), "live bytes after the test");
      }
    }
  }

  /**
   * A CPU device.
   *
   * @param variant instruction set
   * @param threads threads
   */
  public record Choice(CpuVariant variant, int threads) implements Place {
    @Override
    public Device open() {
      assumeTrue(
          CpuVariant.available().contains(variant),
          "this machine cannot run " + variant + " kernels");
      return Device.cpu(threads, variant);
    }
  }

  /** The first GPU. Only the emulator can choose the order of its threads and blocks. */
  public enum Gpu implements Place {
    /** The first first. */
    FORWARD,
    /** The last first. */
    REVERSE,
    /** Shuffled. */
    SHUFFLED;

    @Override
    public Device open() {
      if (CudaTests.emulated()) {
        CudaTests.call("emu_order", ordinal(), (long) ordinal());
      } else {
        assumeTrue(this == FORWARD, "a GPU chooses the order of its threads itself");
      }
      return CudaTests.open();
    }
  }
}
