package io.gatun.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import io.gatun.kernels.Nf4Matrix;
import io.gatun.kernels.Nf4Matrix.Band;
import io.gatun.kernels.Nf4Matrix.Code;
import io.gatun.kernels.Nf4Matrix.Layout;
import io.gatun.kernels.Nf4Matrix.Scales;
import io.gatun.kernels.ops.MatMul;
import io.gatun.kernels.ops.Nf4Dequantize;
import io.gatun.kernels.ops.Nf4Quantize;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Weights are decoded on a stream of their own. The emulator runs what nobody waits for as late as
 * it may, so a wait that is missing shows as a race or as bytes that are not there.
 */
class CudaProductsTest {
  private static final int IN = 64;
  private static final int OUT = 20;

  private static float[] normal(long seed, int count) {
    var random = new Random(seed);
    var values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static Band empty(Device device, int out, Arena arena) {
    return new Band(
        Code.NF4,
        64,
        out,
        IN,
        DType.BF16,
        Layout.TILED,
        device.allocate("codes", Layout.TILED.bytes(out, IN), arena),
        new Scales.Plain(device.allocate("scales", out * 4L, arena)));
  }

  private static Matrix matrix(Device device, DType dtype, int rows, int cols, Arena arena) {
    return Matrix.allocate(device, "matrix", dtype, rows, cols, arena);
  }

  private static void quantize(Band band, long seed, Arena arena) {
    Matrix values = matrix(band.codes().device(), DType.F32, band.rows(), IN, arena);
    HostCopy.write(values, normal(seed, band.rows() * IN));
    Nf4Quantize.run(values, band);
  }

  private static float[] decodedBefore(Matrix x, Band band, Arena arena) {
    Device device = x.buffer().device();
    Matrix decoded = matrix(device, x.dtype(), band.rows(), IN, arena);
    Nf4Dequantize.run(band, decoded);
    Matrix y = matrix(device, DType.F32, x.rows(), band.rows(), arena);
    MatMul.forward(x, decoded, y);
    return HostCopy.readFloats(y);
  }

  /** More weights than places, small ones after large ones, and nobody waits in between. */
  @Test
  void oneWeightIsDecodedWhileAnotherIsUsed() {
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      Matrix x = matrix(device, DType.F32, 3, IN, arena);
      HostCopy.write(x, normal(1, 3 * IN));
      var bands = new ArrayList<Band>();
      var results = new ArrayList<Matrix>();
      for (int i = 0; i < 5; i++) {
        Band band = empty(device, OUT * (1 + i * i % 5), arena);
        quantize(band, i, arena);
        bands.add(band);
        results.add(matrix(device, DType.F32, 3, band.rows(), arena));
      }
      for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < 5; i++) {
          MatMul.forward(x, Nf4Matrix.of(List.of(bands.get(i))), results.get(i));
        }
      }
      for (int i = 0; i < 5; i++) {
        float[] result = HostCopy.readFloats(results.get(i));
        assertArrayEquals(decodedBefore(x, bands.get(i), arena), result, "weight " + i);
      }
    }
  }

  /** What decodes ahead waits for those who write what it reads. */
  @Test
  void aWeightThatIsWrittenAnewIsReadAnew() {
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      Matrix x = matrix(device, DType.F32, 3, IN, arena);
      HostCopy.write(x, normal(1, 3 * IN));
      Band band = empty(device, OUT, arena);
      Matrix y = matrix(device, DType.F32, 3, OUT, arena);
      for (int i = 0; i < 4; i++) {
        quantize(band, i, arena);
        MatMul.forward(x, Nf4Matrix.of(List.of(band)), y);
        assertArrayEquals(decodedBefore(x, band, arena), HostCopy.readFloats(y), "time " + i);
      }
    }
  }

  @Test
  void whatTheDeviceKeepsForItselfStandsInTheTable() {
    try (Device device = CudaTests.open()) {
      try (Arena arena = Arena.ofConfined()) {
        Matrix x = matrix(device, DType.F32, 3, IN, arena);
        Band band = empty(device, OUT, arena);
        quantize(band, 1, arena);
        Matrix y = matrix(device, DType.BF16, 3, OUT, arena);
        MatMul.forward(x, Nf4Matrix.of(List.of(band)), y);
        var names = device.memory().byName();
        assertEquals(OUT * IN * 4L, names.get("device.weight"), device.memory().table());
        assertFalse(names.containsKey("device.next-weight"));
        assertEquals(3L * OUT * 4, names.get("device.result"));
        MatMul.forward(x, Nf4Matrix.of(List.of(band)), y);
        assertEquals(OUT * IN * 4L, device.memory().byName().get("device.next-weight"));
      }
      assertEquals(0, device.memory().allocated());
      assertTrue(device.memory().byName().containsKey("device.weight"));
    }
  }

  @Test
  void aProductThatDoesNotFitIsRefused() {
    try (Device device = CudaTests.open();
        Arena arena = Arena.ofConfined()) {
      Matrix a = matrix(device, DType.BF16, 3, 5, arena);
      Matrix y = matrix(device, DType.F32, 3, 7, arena);
      var e = assertThrows(IllegalArgumentException.class, () -> CudaProduct.of("op", a, a, y));
      assertEquals("op: no product of 3x5 BF16 and 3x5 BF16 gives 3x7 F32", e.getMessage());
    }
  }
}
