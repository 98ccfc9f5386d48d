package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.cuda.CudaTests;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class Nf4DequantizeTest {
  private static final float OFFSET = 0.7f; // of nested scales

  private static final int[][] SHAPES = {
    {1, 1}, {1, 13}, {7, 11}, {3, 65}, {13, 64}, {33, 192}, {17, 512}, {130, 256}
  };

  /** Random codes and scales, uploaded. */
  private static Band random(
      Device device, Code code, int blockSize, int rows, int cols, Layout layout, Arena arena) {
    Band band =
        Weights.band(device, code, blockSize, rows, cols, DType.F32, Layout.FILE, true, arena);
    var random = new Random(rows * 31L + cols);
    var codes = new byte[Math.toIntExact(band.codes().bytes())];
    random.nextBytes(codes);
    device.upload(MemorySegment.ofArray(codes), band.codes(), 0);
    var scales = (Scales.Nested) band.scales();
    var scaleCodes = new byte[Math.toIntExact(scales.codes().bytes())];
    random.nextBytes(scaleCodes);
    device.upload(MemorySegment.ofArray(scaleCodes), scales.codes(), 0);
    float[] nested = Samples.normal(9, Math.toIntExact(scales.absmax().bytes() / 4));
    device.upload(MemorySegment.ofArray(nested), scales.absmax(), 0);
    var laid = new Scales.Nested(scales.codes(), scales.absmax(), 0.7f);
    var target = device.allocate("codes", layout.bytes(rows, cols), arena);
    Band result = new Band(code, blockSize, rows, cols, DType.F32, layout, target, laid);
    Nf4Repack.run(band, result);
    return result;
  }

  private static float[] expected(Band band, Arena arena) {
    return Nf4DequantizeReference.run(
        Weights.codes(band, arena),
        Weights.codeValues(band),
        Weights.scales(band),
        band.blockSize());
  }

  private static float[] rounded(float[] values, DType dtype, Device device, Arena arena) {
    Matrix m = Matrix.allocate(device, "rounded", dtype, 1, values.length, arena);
    HostCopy.write(m, values);
    return HostCopy.readFloats(m);
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, ignored) -> {
      for (int[] shape : SHAPES) {
        for (int blockSize : blockSizes(place)) {
          for (Layout layout : Layout.values()) {
            try (Arena arena = Arena.ofConfined()) {
              if (layout.takes(shape[1], blockSize)) {
                check(device, blockSize, shape, layout, arena);
              }
            }
          }
        }
      }
    });
  }

  private static int[] blockSizes(Devices.Place place) {
    // The slower emulator takes fewer.
    return place instanceof Devices.Gpu ? new int[] {64, 100} : new int[] {32, 64, 100, 128, 4096};
  }

  private static void check(Device device, int blockSize, int[] shape, Layout layout, Arena arena) {
    for (Code code : Code.values()) {
      Band band = random(device, code, blockSize, shape[0], shape[1], layout, arena);
      float[] values = expected(band, arena);
      for (DType recorded : DType.values()) {
        Band typed =
            new Band(
                code, blockSize, shape[0], shape[1], recorded, layout, band.codes(), band.scales());
        for (DType result : DType.values()) {
          int gap = recorded == DType.F16 ? 3 : 8; // the places of rows, odd or aligned
          Matrix y = Samples.guarded(device, result, shape[0], shape[1], gap, arena);
          Nf4Dequantize.run(typed, y);
          assertArrayEquals(
              rounded(rounded(values, recorded, device, arena), result, device, arena),
              HostCopy.readFloats(y),
              code + " " + blockSize + " " + layout + " " + recorded + " to " + result);
          Samples.checkGuards(y);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void bandsKeepTheirBits(Devices.Place place) {
    place.run((device, arena) -> {
      Band top = random(device, Code.NF4, 64, 5, 128, Layout.TILED, arena);
      Band bottom = random(device, Code.FP4, 128, 18, 128, Layout.FILE, arena);
      Matrix y = Samples.guarded(device, DType.F32, 23, 128, arena);
      Nf4Dequantize.run(Nf4Matrix.of(List.of(top, bottom)), y);
      assertArrayEquals(expected(top, arena), HostCopy.readFloats(y.rowSlice(0, 5)));
      assertArrayEquals(expected(bottom, arena), HostCopy.readFloats(y.rowSlice(5, 18)));
      Samples.checkGuards(y);
      Matrix small = Matrix.allocate(device, "y", DType.F32, 5, 127, arena);
      var e = assertThrows(IllegalArgumentException.class, () -> Nf4Dequantize.run(top, small));
      assertEquals("nf4_dequantize: the weight is 5x128, must be 5x127", e.getMessage());
    });
  }

  /**
   * Scales whose fused multiply-add rounds differently, so that a decoder that fuses them is seen.
   */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void scalesAreRoundedTwice(Devices.Place place) {
    var nested = new float[3];
    byte[] codes = codesThatFuseBadly(nested);
    float[] scales = Nf4DequantizeReference.nestedScales(codes, nested, OFFSET);
    place.run((device, arena) -> {
      for (Layout layout : Layout.values()) {
        Band band = bandOfOnes(device, layout, codes, nested, arena);
        Matrix y = Matrix.allocate(device, "y", DType.F32, 768, 64, arena);
        Nf4Dequantize.run(band, y);
        float[] decoded = HostCopy.readFloats(y);
        for (int i = 0; i < 768; i++) {
          assertEquals(scales[i], decoded[i * 64], "scale " + i);
          float fused =
              Math.fma(Nf4DequantizeReference.SIGNED_MAP[codes[i] & 255], nested[i / 256], OFFSET);
          assertNotEquals(fused, decoded[i * 64]);
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void scalesAreRoundedTwiceInAProductToo(Devices.Place place) {
    var nested = new float[3];
    byte[] codes = codesThatFuseBadly(nested);
    float[] scales = Nf4DequantizeReference.nestedScales(codes, nested, OFFSET);
    place.run((device, arena) -> {
      for (Layout layout : Layout.values()) {
        Band band = bandOfOnes(device, layout, codes, nested, arena);
        Matrix product = Matrix.allocate(device, "y", DType.F32, 64, 768, arena);
        MatMul.forward(identity(device, arena), Nf4Matrix.of(List.of(band)), product);
        float[] multiplied = HostCopy.readFloats(product);
        for (int i = 0; i < 768; i++) {
          assertEquals(scales[i], multiplied[i], "scale " + i);
        }
      }
    });
  }

  /** What the last launch moves: codes in, values out, each byte once, and little else. */
  @ParameterizedTest
  @EnumSource(Layout.class)
  void movesEachByteOnce(Layout layout) {
    Devices.emulator((device, arena) -> {
      int rows = 48;
      int cols = 512;
      Band band = random(device, Code.NF4, 64, rows, cols, layout, arena);
      Matrix y = Matrix.allocate(device, "y", DType.BF16, rows, cols, arena);
      Traffic.count(device, () -> Nf4Dequantize.run(band, y));
      Traffic.writesOnce(y);
      long[] codes = CudaTests.moved(band.codes());
      assertEquals(rows * cols / 2, codes[0], "bytes read of codes");
      assertEquals(rows * cols / 2, codes[1], "bytes read once of codes");
      assertEquals(rows * cols / 64, CudaTests.moved(((Scales.Nested) band.scales()).codes())[1]);
    });
  }

  /** Codes of scales, 256 for each nested maximum, for which one rounding differs from two. */
  private static byte[] codesThatFuseBadly(float[] nested) {
    var random = new Random(2);
    var codes = new byte[256 * nested.length];
    for (int group = 0; group < nested.length; group++) {
      nested[group] = random.nextFloat();
      for (int i = 0; i < 256; ) {
        int code = random.nextInt(256);
        float map = Nf4DequantizeReference.SIGNED_MAP[code];
        float product = map * nested[group];
        if (product + OFFSET != Math.fma(map, nested[group], OFFSET)) {
          codes[group * 256 + i++] = (byte) code;
        }
      }
    }
    return codes;
  }

  /** A band (768, 64) in which every value is its block's scale. */
  private static Band bandOfOnes(
      Device device, Layout layout, byte[] codes, float[] nested, Arena arena) {
    Band band = Weights.band(device, Code.NF4, 64, 768, 64, DType.F32, layout, true, arena);
    device.upload(
        MemorySegment.ofArray(filled((byte) 0xff, band.codes().bytes())), band.codes(), 0);
    var parts = (Scales.Nested) band.scales();
    device.upload(MemorySegment.ofArray(codes), parts.codes(), 0);
    device.upload(MemorySegment.ofArray(nested), parts.absmax(), 0);
    var scales = new Scales.Nested(parts.codes(), parts.absmax(), OFFSET);
    return new Band(Code.NF4, 64, 768, 64, DType.F32, layout, band.codes(), scales);
  }

  private static Matrix identity(Device device, Arena arena) {
    Matrix identity = Matrix.allocate(device, "x", DType.F32, 64, 64, arena);
    var ones = new float[64 * 64];
    for (int i = 0; i < 64; i++) {
      ones[i * 65] = 1;
    }
    HostCopy.write(identity, ones);
    return identity;
  }

  private static byte[] filled(byte value, long length) {
    var bytes = new byte[Math.toIntExact(length)];
    java.util.Arrays.fill(bytes, value);
    return bytes;
  }
}
