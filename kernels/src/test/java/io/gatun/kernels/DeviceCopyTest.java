package io.gatun.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.ops.Devices.Place;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Copies from buffer to buffer. */
class DeviceCopyTest {
  private static final int BYTES = 1000;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void bytesArriveAndNoOthersChange(Place place) {
    place.run((device, arena) -> {
      var from = device.allocate("from", BYTES, arena);
      var to = device.allocate("to", BYTES, arena);
      var sent = new byte[BYTES];
      new Random(1).nextBytes(sent);
      device.upload(MemorySegment.ofArray(sent), from, 0);
      device.copy(from, 7, to, 11, 900);
      device.copy(to, 11, to, 911, 10);
      device.copy(from, BYTES, to, 0, 0);
      var expected = new byte[BYTES];
      System.arraycopy(sent, 7, expected, 11, 900);
      System.arraycopy(sent, 7, expected, 911, 10);
      var back = new byte[BYTES];
      device.download(to, 0, MemorySegment.ofArray(back));
      assertArrayEquals(expected, back);
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void whatLiesOutsideIsRefused(Place place) {
    place.run((device, arena) -> {
      var from = device.allocate("from", BYTES, arena);
      var to = device.allocate("to", BYTES, arena);
      for (long[] bad :
          new long[][] {{1, 0, BYTES}, {0, 1, BYTES}, {-1, 0, 1}, {0, -1, 1}, {0, 0, -1}}) {
        assertThrows(
            IndexOutOfBoundsException.class, () -> device.copy(from, bad[0], to, bad[1], bad[2]));
      }
    });
  }
}
