package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.Activation;
import io.gatun.kernels.DType;
import io.gatun.kernels.Device;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Matrix;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The bounds that native/cpu/functions.h states, measured in units in the last place (ulp) through
 * ops whose results are these functions: the gradient of a row of logits (0, x) is e^x when x is
 * below -17, because e^0 + e^x rounds to 1.
 */
class FunctionsTest {
  private static final int COUNT = 1 << 17;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void exponentialWithinTwoUlp(Devices.Choice choice) {
    choice.run((device, arena) -> {
      var x = new float[COUNT];
      var logits = new float[2 * COUNT];
      var ones = new float[COUNT];
      Arrays.fill(ones, 1);
      for (int i = 0; i < COUNT; i++) {
        x[i] = -17 - 87f * i / COUNT;
        logits[2 * i + 1] = x[i];
      }
      Matrix rows = Matrix.allocate(device, "rows", DType.F32, COUNT, 2, arena);
      Matrix weights = Matrix.allocate(device, "weights", DType.F32, COUNT, 1, arena);
      Matrix loss = Matrix.allocate(device, "loss", DType.F32, COUNT, 1, arena);
      HostCopy.write(rows, logits);
      HostCopy.write(weights, ones);
      var labels = Samples.ints(device, new int[COUNT], arena);
      CrossEntropy.run(rows, labels, weights, 0, loss);
      float[] e = HostCopy.readFloats(rows.colSlice(1, 1));
      assertUlps(2, Math::exp, x, e);
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void hyperbolicTangentWithinThreeUlp(Devices.Place place) {
    place.run((device, arena) -> {
      var x = new float[COUNT];
      for (int i = 0; i < COUNT; i++) {
        x[i] = 20f * i / COUNT - 10;
      }
      Matrix row = Samples.strided(device, DType.F32, 1, COUNT, x, arena);
      SoftCap.run(row, 1);
      assertUlps(3, Math::tanh, x, HostCopy.readFloats(row));
    });
  }

  /** One more than the sigmoid itself, for the product with x. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void sigmoidWithinThreeUlp(Devices.Place place) {
    place.run((device, arena) -> {
      var gateUp = new float[2 * COUNT];
      for (int i = 0; i < COUNT; i++) {
        gateUp[i] = 160f * i / COUNT - 80;
        gateUp[COUNT + i] = 1;
      }
      Matrix from = Samples.strided(device, DType.F32, 1, 2 * COUNT, gateUp, arena);
      Matrix h = Samples.guarded(device, DType.F32, 1, COUNT, arena);
      Glu.forward(Activation.SILU, from, h);
      float[] x = Arrays.copyOf(gateUp, COUNT);
      assertUlps(4, v -> v / (1 + Math.exp(-v)), x, HostCopy.readFloats(h));
    });
  }

  /** 1 / cosh^2, which 1 - tanh^2 would lose from 9 on. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void slopeOfTanhWithinSixUlp(Devices.Place place) {
    place.run((device, arena) -> {
      var x = new float[COUNT];
      var ones = new float[COUNT];
      for (int i = 0; i < COUNT; i++) {
        x[i] = 80f * i / COUNT - 40;
        ones[i] = 1;
      }
      Matrix at = Samples.strided(device, DType.F32, 1, COUNT, x, arena);
      Matrix d = Samples.strided(device, DType.F32, 1, COUNT, ones, arena);
      Activate.backward(Activation.TANH, at, d, d);
      assertUlps(6, v -> 1 / Math.pow(Math.cosh(v), 2), x, HostCopy.readFloats(d));
    });
  }

  /** As gradients of rows of one class: value where the target is 0, less 1 where it is 1. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void logisticWithinFourUlp(Devices.Choice choice) {
    choice.run((device, arena) -> {
      var x = new float[COUNT];
      var targets = new float[COUNT];
      for (int i = 0; i < COUNT; i++) {
        x[i] = 160f * i / COUNT - 80;
      }
      float[] value = binaryCrossEntropy(device, x, targets, arena).gradient();
      assertUlps(4, v -> 1 / (1 + Math.exp(-v)), x, value);
      Arrays.fill(targets, 1);
      float[] lessOne = binaryCrossEntropy(device, x, targets, arena).gradient();
      assertUlps(4, v -> -1 / (1 + Math.exp(v)), x, lessOne);
    });
  }

  /** As losses log(1 + e^x), x below 0: two ulp more, which are those of e^x. */
  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void logarithmOfOneAndMoreWithinThreeUlp(Devices.Choice choice) {
    choice.run((device, arena) -> {
      var x = new float[COUNT];
      for (int i = 0; i < COUNT; i++) {
        x[i] = -80f * i / COUNT;
      }
      float[] loss = binaryCrossEntropy(device, x, new float[COUNT], arena).loss();
      assertUlps(5, v -> Math.log1p(Math.exp(v)), x, loss);
    });
  }

  private record Losses(float[] gradient, float[] loss) {}

  private static Losses binaryCrossEntropy(Device device, float[] x, float[] targets, Arena arena) {
    var ones = new float[x.length];
    Arrays.fill(ones, 1);
    Matrix z = Samples.strided(device, DType.F32, x.length, 1, x, arena);
    Matrix t = Samples.strided(device, DType.F32, x.length, 1, targets, arena);
    Matrix weights = Samples.strided(device, DType.F32, x.length, 1, ones, arena);
    Matrix loss = Samples.guarded(device, DType.F32, x.length, 1, arena);
    BinaryCrossEntropy.run(z, t, weights, loss);
    return new Losses(HostCopy.readFloats(z), HostCopy.readFloats(loss));
  }

  private static void assertUlps(int bound, DoubleUnaryOperator f, float[] x, float[] actual) {
    double worst = 0;
    float at = 0;
    for (int i = 0; i < x.length; i++) {
      double exact = f.applyAsDouble(x[i]);
      double ulps = Math.abs(actual[i] - exact) / Math.ulp((float) exact);
      if (!(ulps <= worst)) {
        worst = ulps;
        at = x[i];
      }
    }
    assertTrue(worst <= bound, "off by " + worst + " ulp at " + at);
  }
}
