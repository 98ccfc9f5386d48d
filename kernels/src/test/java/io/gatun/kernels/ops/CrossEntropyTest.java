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
import io.gatun.kernels.cuda.CudaTests;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CrossEntropyTest {
  private static final int ROWS = 13;

  @ParameterizedTest
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void equalsReference(Devices.Place place) {
    place.run((device, arena) -> {
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
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void gradientEqualsFiniteDifferences(Devices.Place place) {
    place.run((device, arena) -> {
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
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void edges(Devices.Place place) {
    place.run((device, arena) -> {
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
  @MethodSource("io.gatun.kernels.ops.Devices#withCuda")
  void aLabelOutsideTheVocabularyIsRefused(Devices.Place place) {
    place.run((device, arena) -> {
      Matrix logits = Matrix.allocate(device, "logits", DType.BF16, 1, 3, arena);
      Matrix one = Matrix.allocate(device, "one", DType.F32, 1, 1, arena);
      for (int wrong : new int[] {-1, -101, 3}) {
        Ints labels = Samples.ints(device, new int[] {wrong}, arena);
        var e =
            assertThrows(
                DeviceException.class,
                () -> {
                  CrossEntropy.run(logits, labels, one, 0, one);
                  device.synchronize();
                });
        assertTrue(
            e.getMessage()
                .startsWith("cross_entropy: an id, label or segment lies outside its table ("),
            e.getMessage());
      }
      assertEquals(0f, HostCopy.readFloats(one)[0]);
    });
  }

  /** Two passes read: the sum of exponentials must be known before there is a gradient. */
  @Test
  void memoryIsReadTwiceAndWrittenOnce() {
    Devices.emulator((device, arena) -> {
      Matrix logits = Matrix.allocate(device, "logits", DType.BF16, 3, 4104, arena);
      Matrix column = Matrix.allocate(device, "column", DType.F32, 3, 1, arena);
      Ints labels = Ints.allocate(device, "labels", 3, arena);
      Traffic.count(device, () -> CrossEntropy.run(logits, labels, column, 0, column));
      long bytes = Matrix.bytes(DType.BF16, 3, 4104);
      long[] moved = CudaTests.moved(logits.buffer());
      long ofLabels = 3L * DType.BF16.bytes();
      assertEquals(2 * bytes + ofLabels, moved[0], "bytes read");
      assertEquals(2 * bytes / 16 + 3, moved[2], "reads, 16 bytes each");
      Traffic.writesOnce(logits);
    });
  }
}
