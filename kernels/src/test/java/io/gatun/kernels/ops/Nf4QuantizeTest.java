package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.Buffer;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Nf4Matrix.Scales;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class Nf4QuantizeTest {
  private static final int[][] SHAPES = {
    {1, 1}, {1, 13}, {7, 11}, {3, 65}, {13, 64}, {33, 192}, {1, 16384}, {130, 256}
  };

  static byte[] bytes(Buffer buffer) {
    var bytes = new byte[Math.toIntExact(buffer.bytes())];
    buffer.device().download(buffer, 0, MemorySegment.ofArray(bytes));
    return bytes;
  }

  static float[] floats(Buffer buffer) {
    return MemorySegment.ofArray(bytes(buffer)).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  /** Codes in file order. */
  static byte[] codes(Band band, Arena arena) {
    Device device = band.codes().device();
    Band file =
        Weights.band(
            device,
            band.code(),
            band.blockSize(),
            band.rows(),
            band.cols(),
            DType.F32,
            Layout.FILE,
            false,
            arena);
    Nf4Repack.run(band, file);
    return bytes(file.codes());
  }

  private static void check(Device device, float[] values, int rows, int cols, Arena arena) {
    Matrix x = Matrix.allocate(device, "x", DType.F32, rows, cols, arena);
    HostCopy.write(x, values);
    for (int blockSize : new int[] {32, 64, 128, 4096}) {
      float[] scales = Nf4QuantizeReference.scales(values, blockSize);
      for (Code code : Code.values()) {
        int[] chosen = Nf4QuantizeReference.codes(values, scales, blockSize, code);
        byte[] packed = Nf4QuantizeReference.pack(chosen, code);
        for (Layout layout : Layout.values()) {
          if (!layout.takes(cols, blockSize)) {
            continue;
          }
          String what = rows + "x" + cols + " " + code + " " + blockSize + " " + layout;
          Band plain =
              Nf4Quantize.run(
                  x,
                  Weights.band(
                      device, code, blockSize, rows, cols, DType.F32, layout, false, arena));
          assertArrayEquals(scales, floats(((Scales.Plain) plain.scales()).absmax()), what);
          assertArrayEquals(packed, codes(plain, arena), what);
          Band nested =
              Nf4Quantize.run(
                  x,
                  Weights.band(
                      device, code, blockSize, rows, cols, DType.F32, layout, true, arena));
          assertArrayEquals(packed, codes(nested, arena), what);
          checkNested(what, scales, (Scales.Nested) nested.scales());
        }
      }
    }
  }

  private static void checkNested(String what, float[] scales, Scales.Nested actual) {
    double sum = 0;
    for (float scale : scales) {
      sum += scale;
    }
    float mean = (float) (sum / scales.length);
    float offset = actual.offset();
    assertTrue(
        Math.abs(offset - mean) <= 2 * Math.ulp(mean), what + " offset " + offset + " " + mean);
    float[] nested = Nf4QuantizeReference.nestedScales(scales, offset);
    assertArrayEquals(nested, floats(actual.absmax()), what);
    assertArrayEquals(
        Nf4QuantizeReference.nestedCodes(scales, nested, offset), bytes(actual.codes()), what);
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, ignored) -> {
      for (int[] shape : SHAPES) {
        try (Arena arena = Arena.ofConfined()) {
          check(device, Samples.normal(3, shape[0] * shape[1]), shape[0], shape[1], arena);
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      float[] values = Samples.normal(5, 6 * 64);
      java.util.Arrays.fill(values, 64, 128, 0f);
      java.util.Arrays.fill(values, 128, 192, -0f);
      for (int i = 192; i < 256; i++) {
        values[i] *= 1e-40f;
      }
      for (int i = 0; i < 16; i++) {
        values[256 + i] = Nf4DequantizeReference.NF4[i];
        values[320 + i] = (Nf4DequantizeReference.NF4[i] + 1) / 2;
      }
      check(device, values, 6, 64, arena);
      check(device, new float[192], 3, 64, arena);
      Matrix none = Matrix.allocate(device, "none", DType.F32, 0, 64, arena);
      Nf4Quantize.run(
          none, Weights.band(device, Code.NF4, 64, 0, 64, DType.F32, Layout.TILED, true, arena));
      Matrix gaps = Samples.random(device, DType.F32, 3, 64, 1, arena);
      Band band = Weights.band(device, Code.NF4, 64, 3, 64, DType.F32, Layout.FILE, true, arena);
      var e = assertThrows(IllegalArgumentException.class, () -> Nf4Quantize.run(gaps, band));
      assertEquals(
          "nf4_quantize: x is 3x64 F32 with row stride 67; copy it into a matrix without gaps",
          e.getMessage());
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void aNanPoisonsItsBlockAndNoOther(Devices.Place place) {
    place.run((device, arena) -> {
      float[] values = Samples.normal(5, 3 * 64);
      values[70] = Float.NaN;
      Matrix x = Matrix.allocate(device, "x", DType.F32, 3, 64, arena);
      HostCopy.write(x, values);
      Band band =
          Nf4Quantize.run(
              x, Weights.band(device, Code.NF4, 64, 3, 64, DType.F32, Layout.TILED, false, arena));
      Nf4Dequantize.run(band, x);
      float[] decoded = HostCopy.readFloats(x);
      for (int i = 0; i < decoded.length; i++) {
        assertEquals(i / 64 == 1, Float.isNaN(decoded[i]), "element " + i);
      }
    });
  }

  /**
   * Elements whose product with 1 / absmax rounds onto a threshold from above: not rounding it
   * gives the next code.
   */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void theProductIsRoundedBeforeItIsCompared(Devices.Place place) {
    var random = new Random(1);
    var values = new float[64 * 64];
    int found = 0;
    while (found < 64) {
      float absmax = 0.5f + random.nextFloat();
      float inverse = 1 / absmax;
      int code = 8 + random.nextInt(7);
      float threshold =
          (Nf4DequantizeReference.NF4[code] + Nf4DequantizeReference.NF4[code + 1]) / 2;
      float x = threshold / inverse;
      if (x * inverse == threshold && (double) x * inverse > threshold) {
        values[found * 64] = absmax;
        values[found * 64 + 1] = x;
        found++;
      }
    }
    place.run((device, arena) -> check(device, values, 64, 64, arena));
  }
}
