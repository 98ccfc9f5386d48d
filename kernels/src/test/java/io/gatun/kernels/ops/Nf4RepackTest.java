package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class Nf4RepackTest {
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void everyCodeGoesToItsPlaceAndBack(Devices.Place place) {
    place.run((device, arena) -> {
      for (int rows : new int[] {0, 1, 15, 16, 17, 129}) {
        for (int cols : new int[] {64, 320}) {
          Band file =
              Weights.band(device, Code.NF4, 64, rows, cols, DType.F32, Layout.FILE, false, arena);
          Band tiled =
              Weights.band(device, Code.NF4, 64, rows, cols, DType.F32, Layout.TILED, false, arena);
          var codes = new byte[rows * cols / 2];
          new Random(3).nextBytes(codes);
          device.upload(MemorySegment.ofArray(codes), file.codes(), 0);
          Nf4Repack.run(file, tiled);
          byte[] stored = Nf4QuantizeTest.bytes(tiled.codes());
          var expected = new byte[stored.length];
          for (int i = 0; i < rows * cols; i++) {
            int code = codes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15;
            int nibble = Nf4RepackReference.nibble(i / cols, i % cols, cols);
            expected[nibble / 2] |= (byte) (code << nibble % 2 * 4);
          }
          assertArrayEquals(expected, stored);
          assertArrayEquals(codes, Nf4QuantizeTest.codes(tiled, arena));
          assertArrayEquals(codes, Nf4QuantizeTest.codes(file, arena));
        }
      }
      Band band = Weights.band(device, Code.NF4, 64, 1, 64, DType.F32, Layout.FILE, false, arena);
      var e = assertThrows(IllegalArgumentException.class, () -> Nf4Repack.run(band, band));
      assertEquals(
          "nf4_repack: from is 1x64, to is 1x64; they must have one shape and different codes",
          e.getMessage());
    });
  }
}
