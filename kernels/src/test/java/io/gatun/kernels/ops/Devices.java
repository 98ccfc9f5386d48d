package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gatun.kernels.Device;
import io.gatun.kernels.Device.CpuVariant;
import io.gatun.kernels.cuda.CudaDevice;
import io.gatun.kernels.cuda.CudaTests;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

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
   * All devices of an op that has a CUDA kernel too: the GPU or the emulator also, and with {@code
   * -Dgatun.tests.gpu=only} nothing else.
   *
   * @return variants x thread counts, and the GPU
   */
  public static Stream<Place> withCuda() {
    var gpu = Stream.<Place>of(new Gpu());
    return System.getProperty("gatun.tests.gpu", "").equals("only")
        ? gpu
        : Stream.concat(all(), gpu);
  }

  /**
   * Fewer devices, for tests of whole models: every variant with two threads, and the GPU.
   *
   * @return variants, and the GPU
   */
  public static Stream<Place> variantsAndCuda() {
    var variants = Arrays.stream(CpuVariant.values()).map(v -> new Choice(v, 2));
    return Stream.concat(variants, Stream.of(new Gpu()));
  }

  /**
   * One of each kind: the strongest variant with two threads, and the GPU.
   *
   * @return a CPU and a GPU
   */
  public static Stream<Place> cpuAndCuda() {
    return Stream.of(new Choice(CpuVariant.available().getLast(), 2), new Gpu());
  }

  /**
   * Runs a test on the emulator alone, which can be asked what a launch moves ({@link Traffic});
   * skips it elsewhere.
   *
   * @param test what to do
   */
  public static void emulator(BiConsumer<Device, Arena> test) {
    CudaTests.requireEmulator();
    new Gpu().run(test);
  }

  /**
   * Runs a test on a GPU of compute capability 9.0, or on the emulator as one; skips it elsewhere.
   *
   * @param test what to do
   */
  public static void hopper(BiConsumer<Device, Arena> test) {
    CudaTests.require();
    if (!CudaTests.emulated()) {
      try (Device device = CudaTests.open()) {
        assumeTrue(((CudaDevice) device).isHopper(), "this GPU is no Hopper");
      }
      new Gpu().run(test);
      return;
    }
    CudaTests.emulate(9, 0);
    try {
      new Gpu().run(test);
    } finally {
      CudaTests.emulate(8, 0);
    }
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
        use(device, test);
      }
    }
  }

  private static void use(Device device, BiConsumer<Device, Arena> test) {
    try (Arena arena = Arena.ofConfined()) {
      test.accept(device, arena);
    }
    assertEquals(0, device.memory().allocated(), "live bytes after the test");
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

  /**
   * The first GPU, or the emulator. The emulator runs a test once for each order of its threads and
   * blocks, a GPU twice; what the test downloads must be the same to the bit.
   */
  public record Gpu() implements Place {
    private enum Order {
      FORWARD,
      REVERSE,
      SHUFFLED
    }

    @Override
    public Device open() {
      return CudaTests.open();
    }

    @Override
    public void run(BiConsumer<Device, Arena> test) {
      List<Long> first = run(Order.FORWARD, test);
      var others =
          CudaTests.emulated() ? List.of(Order.REVERSE, Order.SHUFFLED) : List.of(Order.FORWARD);
      for (Order order : others) {
        List<Long> next = run(order, test);
        assertEquals(first.size(), next.size(), "number of downloads");
        for (int i = 0; i < first.size(); i++) {
          int download = i;
          assertEquals(
              first.get(i),
              next.get(i),
              () ->
                  "bytes of download %d of %d depend on the order of threads and blocks (%s)"
                      .formatted(download, next.size(), order));
        }
      }
    }

    /** The digests of what was downloaded. */
    private static List<Long> run(Order order, BiConsumer<Device, Arena> test) {
      var digests = new ArrayList<Long>();
      choose(order);
      try (Device device = CudaTests.open(to -> digests.add(digest(to)))) {
        use(device, test);
      } finally {
        choose(Order.FORWARD);
      }
      return digests;
    }

    private static void choose(Order order) {
      if (CudaTests.emulated()) {
        CudaTests.call("emu_order", order.ordinal(), (long) order.ordinal());
      }
    }

    private static long digest(MemorySegment bytes) {
      var crc = new CRC32C();
      crc.update(bytes.toArray(ValueLayout.JAVA_BYTE));
      return crc.getValue();
    }
  }
}
