package io.gatun.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gatun.kernels.Device;
import io.gatun.kernels.cuda.CudaTests;
import io.gatun.kernels.ops.Devices;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashSet;
import java.util.function.Function;

/**
 * Golden cases to run on a device.
 *
 * @param cases all of them
 * @param place where
 * @param kind what cases have in common that the emulator runs one of
 */
public record PlacedCases(
    Golden.Cases cases, Devices.Place place, Function<Golden.Case, String> kind) {

  /** What a test does with a case on a device. */
  public interface Check {
    void run(Golden.Case c, Device device, Arena arena) throws Exception;
  }

  /**
   * The emulator, which is slow, runs only one case of each kind: the smallest, by the bytes of its
   * files, that is not refused. A GPU runs all.
   *
   * @param kind what cases have in common, such as an architecture
   */
  public PlacedCases sparing(Function<Golden.Case, String> kind) {
    return new PlacedCases(cases, place, kind);
  }

  /**
   * Runs every case, each in its own arena, and fails one that leaves memory of the device
   * allocated; see {@link Golden.Cases#run}.
   */
  public void run(Check check) {
    boolean spare = place instanceof Devices.Gpu && CudaTests.emulated();
    var bySize = Comparator.<Golden.Case>comparingLong(c -> bytes(c.path()));
    var sorted = new Golden.Cases(cases.kind(), cases.list().stream().sorted(bySize).toList());
    place.run((device, whole) -> {
      var done = new HashSet<String>();
      sorted.run(c -> {
        if (spare && done.contains(kind.apply(c))) {
          throw new Golden.Refused("on the emulator a smaller " + kind.apply(c) + " stands for it");
        }
        try (Arena arena = Arena.ofConfined()) {
          check.run(c, device, arena);
        }
        assertEquals(0, device.memory().allocated(), "live bytes after the case");
        done.add(kind.apply(c));
      });
    });
  }

  private static long bytes(Path path) {
    if (!Files.isDirectory(path)) {
      return path.toFile().length();
    }
    try (var children = Files.list(path)) {
      return children.mapToLong(PlacedCases::bytes).sum();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
