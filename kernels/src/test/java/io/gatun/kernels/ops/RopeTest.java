package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RopeTest {
  private static final int ROWS = 13;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int half : Samples.SIZES) {
          for (int rest : new int[] {0, 5}) {
            int headDim = 2 * half + rest;
            Matrix x = Samples.random(device, dtype, ROWS, 3 * headDim, 1, arena);
            Matrix cos = Samples.random(device, DType.F32, ROWS, half, 2, arena);
            Matrix sin = Samples.random(device, DType.F32, ROWS, half, 3, arena);
            for (int direction : new int[] {1, -1}) {
              var expected =
                  RopeReference.run(
                      Samples.values(x),
                      3 * headDim,
                      headDim,
                      Samples.values(cos),
                      Samples.values(sin),
                      direction);
              if (direction == 1) {
                Rope.forward(x, cos, sin, headDim);
              } else {
                Rope.backward(x, cos, sin, headDim);
              }
              Tolerance.of(dtype, 2).check("x", expected, Samples.values(x));
            }
            Samples.checkGuards(x);
          }
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void backwardEqualsFiniteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Samples.random(device, DType.F32, 2, 24, 1, arena);
      Matrix dx = Samples.random(device, DType.F32, 2, 24, 4, arena);
      Matrix cos = Samples.random(device, DType.F32, 2, 5, 2, arena);
      Matrix sin = Samples.random(device, DType.F32, 2, 5, 3, arena);
      double[] c = Samples.values(cos);
      double[] s = Samples.values(sin);
      var expected =
          FiniteDifferences.gradient(
              v -> RopeReference.run(v, 24, 12, c, s, 1), Samples.values(x), Samples.values(dx));
      Rope.backward(dx, cos, sin, 12);
      Tolerance.of(DType.F32, 2).check("dx", expected, Samples.values(dx));
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix x = Samples.random(device, DType.F32, 2, 8, 1, arena);
      Matrix one = Matrix.allocate(device, "cos", DType.F32, 2, 2, arena);
      Matrix zero = Matrix.allocate(device, "sin", DType.F32, 2, 2, arena);
      HostCopy.write(one, new float[] {1, 1, 1, 1});
      float[] before = HostCopy.readFloats(x);
      Rope.forward(x, one, zero, 4);
      assertArrayEquals(before, HostCopy.readFloats(x));
      Rope.forward(x.rowSlice(0, 0), one.rowSlice(0, 0), zero.rowSlice(0, 0), 4);
      assertThrows(IllegalArgumentException.class, () -> Rope.forward(x, one, zero, 3));
      assertThrows(IllegalArgumentException.class, () -> Rope.forward(x, one, zero, 2));
    });
  }

  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      Matrix x = Matrix.allocate(device, "x", DType.BF16, 3, 4 * 128, arena);
      Matrix cos = Matrix.allocate(device, "cos", DType.F32, 3, 64, arena);
      Matrix sin = Matrix.allocate(device, "sin", DType.F32, 3, 64, arena);
      Traffic.count(device, () -> Rope.forward(x, cos, sin, 128));
      Traffic.readsOnce(x);
      Traffic.writesOnce(x);
      Traffic.readsOften(cos);
      Traffic.readsOften(sin);
    });
  }
}
