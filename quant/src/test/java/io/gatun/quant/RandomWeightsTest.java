package io.gatun.quant;

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
import io.gatun.kernels.Weight;
import io.gatun.kernels.ops.Nf4Dequantize;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Weights at random decode to numbers like those of a trained weight, and take what is told. */
class RandomWeightsTest {
  private static final List<Integer> ROWS = List.of(48, 33);
  private static final int COLS = 512;

  private static List<WeightFormat> formats() {
    return List.of(
        WeightFormat.nf4(true),
        WeightFormat.nf4(false),
        WeightFormat.fp4(true),
        WeightFormat.bf16(),
        WeightFormat.f32());
  }

  @ParameterizedTest
  @MethodSource("formats")
  void elementsHaveTheVarianceOfALayer(WeightFormat format) {
    try (Device device = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      float[] values = values(device, new RandomWeights(device, 1, arena), format, arena);
      double mean = 0;
      double square = 0;
      for (float v : values) {
        assertTrue(Float.isFinite(v));
        mean += v / (double) values.length;
        square += (double) v * v / values.length;
      }
      double expected = 1.0 / COLS;
      assertTrue(square > expected / 2 && square < expected * 2, "mean square " + square);
      assertTrue(mean * mean < expected / 100, "mean " + mean);
      assertTrue(rowsDiffer(values), "two rows are equal");
    }
  }

  private static float[] values(
      Device device, RandomWeights weights, WeightFormat format, Arena arena) {
    return decoded(device, weights.weight(ROWS, COLS, format), arena);
  }

  private static float[] decoded(Device device, Weight weight, Arena arena) {
    var whole = Matrix.allocate(device, "decoded", DType.F32, weight.rows(), COLS, arena);
    if (weight instanceof Nf4Matrix m) {
      int row = 0;
      for (var band : m.bands()) {
        Nf4Dequantize.run(band, whole.rowSlice(row, band.rows()));
        row += band.rows();
      }
      return HostCopy.readFloats(whole);
    }
    return HostCopy.readFloats((Matrix) weight);
  }

  private static boolean rowsDiffer(float[] values) {
    return !Arrays.equals(values, 0, COLS, values, COLS, 2 * COLS);
  }

  @ParameterizedTest
  @MethodSource("formats")
  void equalSeedsGiveEqualWeights(WeightFormat format) {
    try (Device device = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      float[] first = values(device, new RandomWeights(device, 1, arena), format, arena);
      assertArrayEquals(first, values(device, new RandomWeights(device, 1, arena), format, arena));
      assertFalse(
          Arrays.equals(first, values(device, new RandomWeights(device, 2, arena), format, arena)));
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void theMemoryIsThatWhichIsTold(WeightFormat format) {
    try (Device device = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      for (int cols : new int[] {COLS, 33}) { // rows that are whole blocks, and others
        Map<String, Long> before = device.memory().byName();
        new RandomWeights(device, 1, arena).weight(ROWS, cols, format);
        var after = device.memory().byName();
        WeightLoader.memory(ROWS, cols, format)
            .forEach((name, bytes) ->
                assertEquals(bytes, after.get(name) - before.getOrDefault(name, 0L), name));
      }
    }
  }

  @Test
  void storedFormatsAreRefused() {
    try (Device device = Device.cpu();
        Arena arena = Arena.ofConfined()) {
      var weights = new RandomWeights(device, 1, arena);
      var asStored = WeightFormat.asStored();
      assertThrows(IllegalArgumentException.class, () -> weights.weight(ROWS, COLS, asStored));
      assertThrows(IllegalArgumentException.class, () -> WeightLoader.memory(ROWS, COLS, asStored));
    }
  }
}
