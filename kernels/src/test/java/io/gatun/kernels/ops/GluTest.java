package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.gatun.kernels.Activation;
import io.gatun.kernels.DType;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class GluTest {
  private static final int ROWS = 13;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
      for (Activation activation : Activation.values()) {
        for (DType dtype : Samples.COMPUTE) {
          for (int f : Samples.SIZES) {
            Matrix gateUp = Samples.random(device, dtype, ROWS, 2 * f, 1, arena);
            Matrix dh = Samples.random(device, dtype, ROWS, f, 2, arena);
            Matrix h = Samples.guarded(device, dtype, ROWS, f, arena);
            double[] values = Samples.values(gateUp);
            String what = activation + " " + dtype;
            Glu.forward(activation, gateUp, h);
            var expected = GluReference.forward(activation, values, f);
            Tolerance.of(dtype, 1).check(what, expected, Samples.values(h));
            Glu.backward(activation, gateUp, dh, gateUp);
            var gradient = GluReference.backward(activation, values, Samples.values(dh), f);
            Tolerance.of(dtype, 1).check(what + " backward", gradient, Samples.values(gateUp));
            Samples.checkGuards(h);
            Samples.checkGuards(gateUp);
          }
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void backwardEqualsFiniteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
      for (Activation activation : Activation.values()) {
        Matrix gateUp = Samples.random(device, DType.F32, 3, 26, 1, arena);
        Matrix dh = Samples.random(device, DType.F32, 3, 13, 2, arena);
        Matrix d = Samples.guarded(device, DType.F32, 3, 26, arena);
        Glu.backward(activation, gateUp, dh, d);
        var expected =
            FiniteDifferences.gradient(
                v -> GluReference.forward(activation, v, 13),
                Samples.values(gateUp),
                Samples.values(dh));
        Tolerance.of(DType.F32, 1).check(activation.name(), expected, Samples.values(d));
      }
    });
  }

  /** Gates from -30 to 30 in steps of 1/64: both tails and every branch of the approximations. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void wholeRangeOfGates(Devices.Place place) {
    place.run((device, arena) -> {
      int count = 30 * 2 * 64;
      var values = new float[2 * count];
      for (int i = 0; i < count; i++) {
        values[i] = i / 64f - 30;
        values[count + i] = 1;
      }
      Matrix gateUp = Samples.strided(device, DType.F32, 1, 2 * count, values, arena);
      Matrix h = Samples.guarded(device, DType.F32, 1, count, arena);
      for (Activation activation : Activation.values()) {
        Glu.forward(activation, gateUp, h);
        var expected = GluReference.forward(activation, Samples.values(gateUp), count);
        Tolerance.of(DType.F32, 1).check(activation.name(), expected, Samples.values(h));
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix gateUp = Matrix.allocate(device, "gateUp", DType.F32, 1, 6, arena);
      Matrix h = Matrix.allocate(device, "h", DType.F32, 1, 3, arena);
      HostCopy.write(gateUp, new float[] {0, Float.NaN, -200, 1, 1, 1});
      for (Activation activation : Activation.values()) {
        Glu.forward(activation, gateUp, h);
        float[] values = HostCopy.readFloats(h);
        assertEquals(0f, values[0]);
        assertEquals(Float.NaN, values[1]);
        assertEquals((float) ActivateReference.value(activation, -200), values[2]);
      }
      Glu.forward(Activation.SILU, gateUp.rowSlice(0, 0), h.rowSlice(0, 0));
      assertThrows(IllegalArgumentException.class, () -> Glu.forward(Activation.SILU, h, gateUp));
    });
  }

  @Test
  void memoryIsReadAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      Matrix gateUp = Matrix.allocate(device, "gateUp", DType.BF16, 3, 2 * 2056, arena);
      Matrix h = Matrix.allocate(device, "h", DType.BF16, 3, 2056, arena);
      for (Activation f : Activation.values()) {
        Traffic.count(device, () -> Glu.forward(f, gateUp, h));
        Traffic.readsOnce(gateUp);
        Traffic.writesOnce(h);
        Traffic.count(device, () -> Glu.backward(f, gateUp, h, gateUp));
        Traffic.readsOnce(gateUp);
        Traffic.readsOnce(h);
        Traffic.writesOnce(gateUp);
      }
    });
  }
}
