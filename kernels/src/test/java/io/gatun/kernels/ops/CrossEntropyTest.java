package io.gatun.kernels.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.gatun.kernels.DType;
import io.gatun.kernels.DeviceException;
import io.gatun.kernels.HostCopy;
import io.gatun.kernels.Ints;
import io.gatun.kernels.Matrix;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CrossEntropyTest {
  private static final int ROWS = 13;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void equalsReference(Devices.Choice choice) {
    choice.run((device, arena) -> {
      for (DType dtype : Samples.COMPUTE) {
        for (int cols : new int[] {1, 13, 207, 8193}) {
          for (float cap : new float[] {0, 2}) {
            Matrix logits = Samples.random(device, dtype, ROWS, cols, 1, arena);
            Matrix weights = Samples.random(device, DType.F32, ROWS, 1, 2, arena);
            int[] labels = Samples.below(3, ROWS, cols);
            labels[5] = CrossEntropy.IGNORED;
            Matrix loss = Samples.guarded(device, DType.F32, ROWS, 1, arena);
            double[] x = Samples.values(logits);
            double[] w = Samples.values(weights);
            CrossEntropy.run(logits, Samples.ints(device, labels, arena), weights, cap, loss);
            var expected = CrossEntropyReference.loss(x, cols, labels, w, cap);
            Tolerance.of(DType.F32, cols).check("loss", expected, Samples.values(loss));
            var gradient = CrossEntropyReference.gradient(x, cols, labels, w, cap);
            Tolerance.of(dtype, cols).check("gradient", gradient, Samples.values(logits));
            Samples.checkGuards(logits);
            Samples.checkGuards(loss);
          }
        }
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void gradientEqualsFiniteDifferences(Devices.Choice choice) {
    choice.run((device, arena) -> {
      for (float cap : new float[] {0, 2}) {
        int[] labels = {3, CrossEntropy.IGNORED, 0};
        Matrix logits = Samples.random(device, DType.F32, 3, 13, 1, arena);
        Matrix weights = Samples.random(device, DType.F32, 3, 1, 2, arena);
        Matrix loss = Samples.guarded(device, DType.F32, 3, 1, arena);
        double[] w = Samples.values(weights);
        var expected =
            FiniteDifferences.gradient(
                v -> CrossEntropyReference.loss(v, 13, labels, w, cap),
                Samples.values(logits),
                new double[] {1, 1, 1});
        CrossEntropy.run(logits, Samples.ints(device, labels, arena), weights, cap, loss);
        Tolerance.of(DType.F32, 13).check("gradient", expected, Samples.values(logits));
      }
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void edges(Devices.Choice choice) {
    choice.run((device, arena) -> {
      Matrix logits = Matrix.allocate(device, "logits", DType.F32, 3, 3, arena);
      Matrix weights = Matrix.allocate(device, "weights", DType.F32, 3, 1, arena);
      Matrix loss = Matrix.allocate(device, "loss", DType.F32, 3, 1, arena);
      HostCopy.write(weights, new float[] {1, 1, 1});
      HostCopy.write(logits, new float[] {1e30f, 0, -1e30f, 0, 0, Float.NaN, 7, 8, 9});
      Ints labels = Samples.ints(device, new int[] {0, 1, CrossEntropy.IGNORED}, arena);
      CrossEntropy.run(logits, labels, weights, 0, loss);
      float nan = Float.NaN;
      assertArrayEquals(new float[] {0, nan, 0}, HostCopy.readFloats(loss));
      assertArrayEquals(new float[] {0, 0, 0, nan, nan, nan, 0, 0, 0}, HostCopy.readFloats(logits));
      CrossEntropy.run(
          logits.rowSlice(0, 0),
          labels.slice(0, 0),
          weights.rowSlice(0, 0),
          0,
          loss.rowSlice(0, 0));
    });
  }

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#all")
  void aLabelOutsideTheVocabularyIsRefused(Devices.Choice choice) {
    choice.run((device, arena) -> {
      Matrix logits = Matrix.allocate(device, "logits", DType.BF16, 1, 3, arena);
      Matrix one = Matrix.allocate(device, "one", DType.F32, 1, 1, arena);
      for (int wrong : new int[] {-1, -101, 3}) {
        Ints labels = Samples.ints(device, new int[] {wrong}, arena);
        var e =
            assertThrows(
                DeviceException.class, () -> CrossEntropy.run(logits, labels, one, 0, one));
        assertTrue(e.getMessage().contains("matrices 1x3 BF16, 1x1 F32"), e.getMessage());
      }
      assertEquals(0f, HostCopy.readFloats(one)[0]);
    });
  }
}
